import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import { platformTenantId } from '@csr/contracts/services'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { eventually } from '@csr/testkit/eventually'
import { runGateway, startServers, type RunningGateway, type Servers } from './running-gateway.ts'

let servers: Servers
let gateway: RunningGateway
let operator: string
let worker: Postgres

const tenantId = '0198a000-0000-7000-8000-00000000000a'

before(async () => {
  servers = await startServers()
  worker = openDatabase('csr_gateway_worker')
  await worker.start?.()
  gateway = await runGateway(servers)
  operator = await gateway.tokenOf('platform_admin', platformTenantId)
})
after(async () => {
  await worker[Symbol.asyncDispose]()
  await gateway[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
})

type Asked = { readonly status: number; readonly headers: Headers; readonly body: Body }
/** The fields of all answers that are looked at here. */
type Body = {
  readonly [name in 'id' | 'name' | 'type' | 'tenantId' | 'subjectId' | 'explanation' | 'nextCursor']: string
} & {
  readonly status: number | string
  readonly keys: readonly { readonly kid: string }[]
  readonly roles: readonly string[]
  readonly permissions: readonly { readonly permission: string; readonly reach: string }[]
  readonly items: readonly { readonly id: string }[]
}
type Recorded = {
  readonly tenantid: string
  readonly causationid: string
  readonly sequence: number | null
  readonly data: Readonly<Record<string, unknown>> & { readonly count: number }
}

async function ask(path: string, token?: string, init: RequestInit = {}): Promise<Asked> {
  const headers = new Headers(init.headers)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  const answer = await fetch(gateway.url + path, { ...init, headers })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: JSON.parse(text) as Body }
}

const post = (path: string, body: unknown, token?: string): Promise<Asked> =>
  ask(path, token, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

type Row = { readonly payload: string; readonly sequence: number | null }

async function eventsOf(type: string): Promise<Recorded[]> {
  const [rows] = await worker.worker([
    statement<Row>('select payload, sequence from gateway.outbox where topic = $1 order by id', [type]),
  ])
  return rows.map(({ payload, sequence }) => ({ ...(JSON.parse(payload) as Recorded), sequence }))
}

function openDatabase(role: string): Postgres {
  const url = servers.database.url(role)
  const logger = createLogger({ service: 'test', level: 'error' })
  return createPostgres({ name: 'test', url, workerUrl: url, logger, connectionsMax: 1, workerConnectionsMax: 1 })
}

test('the public keys are public members only, and verify what is signed', async () => {
  const published = await eventually(async () => {
    const answer = await ask('/.well-known/jwks.json')
    assert.equal(answer.body.keys.length, 2, 'the active key and the next one')
    return answer
  })
  assert.equal(published.status, 200)
  assert.equal(published.headers.get('cache-control'), 'public, max-age=60')
  for (const key of published.body.keys) {
    assert.deepEqual(Object.keys(key).toSorted(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
  }
  const [header = ''] = operator.split('.')
  assert.equal(JSON.parse(Buffer.from(header, 'base64url').toString()).kid, published.body.keys[0]?.kid)
})

test('me tells who the token speaks for and what it may do', async () => {
  const subject = '0198a000-0000-7000-8000-00000000000b'
  const { body } = await ask('/v1/me', await gateway.tokenOf('participant', tenantId, { subject }))
  assert.equal(body.tenantId, tenantId)
  assert.equal(body.subjectId, subject)
  assert.deepEqual(body.roles, ['participant'])
  assert.ok(body.permissions.some((grant) => grant.permission === 'privacy:own' && grant.reach === 'own'))
  assert.equal((await ask('/v1/me')).status, 401)
})

test('forged development tokens are refused like any forgery', async () => {
  const forgeries = [
    { header: { alg: 'none' } },
    { header: { alg: 'HS256' } },
    { header: { typ: 'JWT' } },
    { header: { kid: 'other' } },
    { claims: { exp: null } },
    { claims: { exp: 1 } },
    { claims: { aud: 'other' } },
    { claims: { iss: 'other' } },
    { claims: { roles: ['root'] } },
  ]
  for (const forgery of forgeries) {
    const token = await gateway.tokenOf('platform_admin', platformTenantId, forgery)
    const { status, body } = await ask('/v1/me', token)
    assert.equal(status, 401, JSON.stringify(forgery))
    assert.match(body.type, /^\/problems\/token-invalid$/)
  }
})

test('P7: a tenant is made with its key, its row and the first record of its log in one go', async () => {
  const name = 'Example Company 4711'
  const { status, body } = await post('/v1/tenants', { name }, operator)
  assert.equal(status, 201)
  assert.equal(body.name, name)
  const event = (await eventsOf('gateway.tenant.created.v1')).find((made) => made.tenantid === body.id)
  assert.equal(event?.data['actorId'], 'development-platform_admin')
  const select = 'select name_sealed from gateway.tenants where tenant_id = $1'
  const [rows] = await worker.worker([statement<{ name_sealed: string }>(select, [body.id])])
  assert.match(rows[0]?.name_sealed ?? '', /^s1\./)
  const listed = await ask('/v1/tenants?limit=1', operator)
  assert.deepEqual(listed.body.items, [body])
})

test('P2: a tenant asked for twice under one key is one tenant, and one record', async () => {
  const asked = () =>
    fetch(`${gateway.url}/v1/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json', 'idempotency-key': 'once' },
      body: JSON.stringify({ name: 'Once Only' }),
    })
  const [first, again] = [await asked(), await asked()]
  assert.deepEqual([first.status, again.status, again.headers.get('idempotent-replayed')], [201, 201, 'true'])
  const made = await first.text()
  assert.equal(await again.text(), made)
  const { id } = JSON.parse(made) as { id: string }
  const events = await eventsOf('gateway.tenant.created.v1')
  assert.equal(events.filter(({ tenantid }) => tenantid === id).length, 1)
  const { body } = await ask('/v1/tenants?limit=200', operator)
  assert.equal(body.items.filter((item) => item.id === id).length, 1)
  assert.ok(!JSON.stringify(body.items).replace('Once Only', '').includes('Once Only'))
})

test('tenants are listed newest first, page by page, to operators only', async () => {
  const made: string[] = []
  for (const name of ['a', 'b', 'c']) made.push((await post('/v1/tenants', { name }, operator)).body.id)
  const first = await ask('/v1/tenants?limit=2', operator)
  assert.deepEqual(
    first.body.items.map((item) => item.id),
    [made[2], made[1]],
  )
  const second = await ask(`/v1/tenants?limit=1&cursor=${first.body.nextCursor}`, operator)
  assert.equal(second.body.items[0]?.id, made[0])
  for (const limit of ['0', '201', 'x']) assert.equal((await ask(`/v1/tenants?limit=${limit}`, operator)).status, 400)
  const manager = await gateway.tokenOf('company_admin', tenantId)
  assert.equal((await ask('/v1/tenants', manager)).status, 403)
  assert.equal((await post('/v1/tenants', { name: 'd' }, manager)).status, 403)
  assert.equal((await post('/v1/tenants', { name: 'd', id: tenantId }, operator)).status, 422)
  assert.equal((await post('/v1/tenants', { name: ' ' }, operator)).status, 422)
})

test('P6: the request role sees and makes the row of its own tenant only, without a tenant none', async () => {
  const made = (await post('/v1/tenants', { name: 'e' }, operator)).body.id
  await using database = openDatabase('csr_gateway')
  await database.start?.()
  const select = statement<{ tenant_id: string }>('select tenant_id from gateway.tenants')
  assert.deepEqual(await database.group(made, [select]), [[{ tenant_id: made }]])
  assert.deepEqual(await database.group(tenantId, [select]), [[]])
  assert.deepEqual(await database.worker([select]), [[]])
  const insert = statement('insert into gateway.tenants values ($1, $2, now())', [platformTenantId, 's1.x'])
  await assert.rejects(database.group(tenantId, [insert]), { sqlstate: '42501' })
})

test('P7: refusals are recorded one by one, then as a count, with the tenant where it is known and never an address', async () => {
  const ownTenant = '0198a000-0000-7000-8000-00000000000d'
  const fresh = await runGateway(servers)
  const token = await fresh.tokenOf('auditor', ownTenant)
  const headers = { authorization: `Bearer ${token}` }
  const refusedOnes = 14
  for (let count = 0; count < refusedOnes; count += 1) {
    assert.equal((await fetch(`${fresh.url}/v1/profiles`, { headers })).status, 403)
  }
  const ofTenant = async (): Promise<Recorded[]> =>
    (await eventsOf('gateway.access.denied.v1')).filter((event) => event.tenantid === ownTenant)
  await eventually(async () => assert.equal((await ofTenant()).length, 10))
  await fresh[Symbol.asyncDispose]()
  const events = await ofTenant()
  assert.deepEqual(
    events.map((event) => event.data.count).toSorted((a, b) => a - b),
    [...Array(10).fill(1), refusedOnes - 10],
  )
  const denied = events[0]?.data
  assert.deepEqual(
    [denied?.['code'], denied?.['method'], denied?.['route'], denied?.['actorId']],
    ['permission-denied', 'GET', '/v1/profiles', 'development-auditor'],
  )
  assert.match(String(denied?.['client']), /^[A-Za-z0-9_-]{43}$/)
  assert.ok(!JSON.stringify(events).includes('127.0.0.1'))
})

test('P7: a refusal without a tenant belongs to the platform, and the relay carries it to the stream', async () => {
  await using fresh = await runGateway(servers)
  const answer = await fetch(`${fresh.url}/v1/profiles`, { headers: { authorization: 'Bearer a.b.c' } })
  const { instance } = (await answer.json()) as { instance: string }
  await eventually(async () => {
    const events = await eventsOf('gateway.access.denied.v1')
    const sent = events.find((event) => instance === `urn:uuid:${event.causationid}`)
    assert.equal(sent?.tenantid, platformTenantId)
    assert.ok(Number(sent?.sequence) > 0)
  })
})

test('each problem code is explained, an unknown one is not found', async () => {
  const { body } = await ask('/problems/signature-invalid')
  assert.equal(body.status, 401)
  assert.ok(body.explanation.length > 20)
  assert.equal((await ask('/problems/constructor')).status, 404)
})

test('health tells of the gateway and of services behind it, metrics are on a port of their own', async () => {
  await eventually(async () => assert.equal((await ask('/v1/gateway/health')).body.status, 'ready'))
  assert.equal((await ask('/v1/profile/health')).status, 503)
  assert.equal((await ask('/v1/unknown/health')).status, 404)
  assert.equal((await ask('/metrics')).status, 404)
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  assert.match(metrics, /gateway_refusals_total\{.*code="permission-denied"/)
})

test('P9: the gateway starts while its servers are down, says what is missing and keeps its door', async () => {
  const nowhere = 'postgres://csr_gateway@127.0.0.1:9/csr'
  const down = { DATABASE_URL: nowhere, WORKER_DATABASE_URL: nowhere, NATS_URL: 'nats://127.0.0.1:9' }
  await using lonely = await runGateway(servers, down)
  const readiness = await fetch(`${lonely.url}/health/readiness`)
  assert.equal(readiness.status, 503)
  const { missing } = (await readiness.json()) as { missing: string[] }
  assert.ok(missing.length >= 2, missing.join())
  assert.equal((await fetch(`${lonely.url}/openapi.json`)).status, 200)
  assert.equal((await fetch(`${lonely.url}/v1/me`)).status, 401)
  const headers = { authorization: `Bearer ${operator}` }
  const me = await fetch(`${lonely.url}/v1/me`, { headers })
  assert.deepEqual([me.status, me.headers.get('retry-after')], [503, '1'], 'nobody knows what was revoked')
})

test('production mode has no development tokens', async () => {
  await using production = await runGateway(servers, { CSR_MODE: 'production' })
  const answer = await fetch(`${production.url}/v1/development/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'platform_admin', tenantId }),
  })
  assert.equal(answer.status, 404)
  assert.equal(((await answer.json()) as { type: string }).type, '/problems/route-not-found')
})

test('development tokens are not made for other machines', async () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
  assert.ok(outside, 'this machine has an address besides loopback')
  await using open = await runGateway(servers, { HOST: '0.0.0.0' })
  const url = open.url.replace('127.0.0.1', outside)
  const answer = await fetch(`${url}/v1/development/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'platform_admin', tenantId }),
  })
  assert.equal(answer.status, 404)
})
