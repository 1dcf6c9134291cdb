import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createBackboneClient } from '@csr/contracts/client'
import { operations, isPublished } from '@csr/contracts/http/operations'
import { platformTenantId, services } from '@csr/contracts/services'
import { runGateway, startServers, type RunningGateway, type Servers } from './running-gateway.ts'

let servers: Servers
let gateway: RunningGateway

before(async () => {
  servers = await startServers()
  gateway = await runGateway(servers)
})
after(async () => {
  await gateway[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
})

const get = (path: string): Promise<Response> => fetch(gateway.url + path)

test('/openapi.json names every published operation', async () => {
  const answer = await get('/openapi.json')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  const document = (await answer.json()) as { openapi: string; paths: Record<string, Record<string, unknown>> }
  assert.equal(document.openapi, '3.1.0')
  let seen = 0
  for (const { method, path } of services.flatMap((service) => operations[service].filter(isPublished))) {
    const described = document.paths[path.replace(/:([A-Za-z]+)/g, '{$1}')]?.[method.toLowerCase()]
    assert.ok(described, `${method} ${path}`)
    seen += 1
  }
  assert.ok(seen >= 25, `saw only ${seen} operations`)
})

test('/docs brings all it needs from here, and runs nothing inline', async () => {
  const page = await get('/docs')
  assert.equal(page.status, 200)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  const html = await page.text()
  assert.doesNotMatch(html, /<style|style=|onload=|<script(?![^>]* src=)/)
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address)
  assert.ok(addresses.length >= 5)
  for (const address of addresses) {
    assert.match(address, /^\/(docs\/|openapi\.json)/)
    const answer = await get(address)
    assert.equal(answer.status, 200, address)
    assert.ok((await answer.arrayBuffer()).byteLength > 50)
    if (!address.startsWith('/docs/')) continue
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('under /docs there is a fixed list of files and nothing else', async () => {
  for (const path of [
    '/docs/',
    '/docs/package.json',
    '/docs/swagger-ui-bundle.js.map',
    '/docs/../package.json',
    '/docs/%2e%2e/x',
  ]) {
    const answer = await get(path)
    assert.equal(answer.status, 404, path)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  }
})

test('the generated client asks and reads with the types of the document', async () => {
  const token = await gateway.tokenOf('platform_admin', platformTenantId)
  const client = createBackboneClient({ baseUrl: gateway.url, headers: { authorization: `Bearer ${token}` } })
  const made = await client.POST('/v1/tenants', { body: { name: 'Example Company' } })
  const id: string | undefined = made.data?.id
  assert.equal(made.response.status, 201)
  const listed = await client.GET('/v1/tenants', { params: { query: { limit: 1 } } })
  assert.deepEqual(
    listed.data?.items.map((tenant) => tenant.id),
    [id],
  )
  const refused = await client.GET('/v1/profiles/{id}', { params: { path: { id: platformTenantId } } })
  assert.equal(refused.data, undefined)
  assert.equal(refused.error?.status, 403)
})
