import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import type { FirewallExplanation } from '@csr/contracts/http/firewall'
import { platformTenantId } from '@csr/contracts/services'
import { eventually } from '@csr/testkit/eventually'
import { runGateway, startServers, type RunningGateway, type Servers } from '../running-gateway.ts'

let servers: Servers
let gateway: RunningGateway
let operator: string
const folder = mkdtempSync(`${tmpdir()}/csr-firewall-`)
const tenantId = '0198a000-0000-7000-8000-00000000000a'

before(async () => {
  servers = await startServers()
  const file = `${folder}/exclusions.json`
  const inAMonth = new Date(Date.now() + 30 * 24 * 3_600_000).toISOString().slice(0, 10)
  const about = { route: 'POST /v1/tenants', field: '/name', rule: 'command-chained' }
  writeFileSync(file, JSON.stringify([{ ...about, until: inAMonth, reason: 'a company is called so' }]))
  gateway = await runGateway(servers, { GATEWAY_FIREWALL_EXCLUSIONS_FILE: file })
  operator = await gateway.tokenOf('platform_admin', platformTenantId)
})
after(async () => {
  await gateway[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function post(path: string, body: unknown, token = operator): Promise<{ status: number; body: never }> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body), headers })
  return { status: answer.status, body: (await answer.json()) as never }
}

async function explain(content: string, route?: { method: string; path: string }): Promise<FirewallExplanation> {
  const { status, body } = await post('/v1/firewall/explanations', { content, ...(route && { route }) })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

test('a text is explained with its rules, their reasons, the score, and what met them once decoded', async () => {
  const { mode, decision, fields } = await explain('%27%20OR%20%271%27%3D%271')
  assert.deepEqual([mode, decision, fields.length], ['block', 'refuse', 1])
  const rule = fields[0]?.rules.find(({ id }) => id === 'sql-always-true')
  assert.match(rule?.reason ?? '', /quote closes/)
  assert.equal(rule?.excerpt, "' OR '1'='1")
  assert.ok(fields[0]?.scores.some(({ family, score, threshold }) => family === 'sql' && score >= threshold))
  assert.deepEqual((await explain("Patrick O'Brien says it's fine")).decision, 'pass')
})

test('a body is explained field by field, by the schema of its route', async () => {
  const route = { method: 'post', path: '/v1/endpoints' }
  const { decision, fields } = await explain('{"partner":"\' OR 1=1 --","programme":"<svg onload=alert(1)>"}', route)
  assert.equal(decision, 'refuse')
  assert.deepEqual(
    fields.map(({ field, screened, rules }) => [field, screened, rules.length > 0]),
    [
      ['/partner', false, false],
      ['/programme', true, true],
    ],
  )
  const webhook = { method: 'POST', path: '/v1/webhooks/kintell/0198a000-0000-7000-8000-00000000000b' }
  assert.equal((await explain('{"data":{"notes":"<script>alert(1)</script>"}}', webhook)).decision, 'observe')
})

test('what cannot be explained is refused: unknown routes, broken JSON, callers who do not operate the platform', async () => {
  const about = async (content: string, path: string): Promise<number> =>
    (await post('/v1/firewall/explanations', { content, route: { method: 'POST', path } })).status
  assert.equal(await about('{}', '/v1/unknown'), 404)
  assert.equal(await about('{"text":', '/v1/outcomes/scores'), 400)
  assert.equal(await about('{"__proto__":1}', '/v1/outcomes/scores'), 422)
  const manager = await gateway.tokenOf('company_admin', tenantId)
  assert.equal((await post('/v1/firewall/explanations', { content: 'a' }, manager)).status, 403)
})

test('the gateway’s own routes are screened too, exclusions count, and metrics tell by rule and route', async () => {
  const attack = await post('/v1/tenants', { name: "Acme'; DROP TABLE tenants; --" })
  assert.deepEqual([attack.status, (attack.body as { type: string }).type], [403, '/problems/request-refused'])
  assert.equal((await post('/v1/tenants', { name: 'Acme; ls' })).status, 201)
  const { decision, fields } = await explain('{"name":"Acme; ls"}', { method: 'POST', path: '/v1/tenants' })
  assert.equal(decision, 'pass')
  assert.deepEqual(
    fields[0]?.rules.map(({ id, excluded }) => [id, excluded]),
    [['command-chained', true]],
  )
  await eventually(async () => {
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    assert.match(metrics, /gateway_firewall_rules_met_total\{.*rule="sql-second-statement".*outcome="refused"/)
    assert.match(metrics, /gateway_firewall_rules_met_total\{.*rule="command-chained".*outcome="excluded"/)
  })
})

test('a file of exclusions that has no end to one refuses the start', async () => {
  const file = `${folder}/unbounded.json`
  writeFileSync(
    file,
    JSON.stringify([{ route: 'POST /v1/tenants', field: '/name', rule: 'sql-union', reason: 'for ever' }]),
  )
  await assert.rejects(runGateway(servers, { GATEWAY_FIREWALL_EXCLUSIONS_FILE: file }), /is not usable[\s\S]*until/)
})
