import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { privateCountStore } from '@csr/testkit/count-store'
import { recordingService, type RecordingService } from '../recording-service.ts'
import { runGateway, startServers, type RunningGateway, type Servers } from '../running-gateway.ts'

let servers: Servers
let ingest: RecordingService
before(async () => {
  ;[servers, ingest] = await Promise.all([startServers(), recordingService()])
})
after(async () => {
  await ingest[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
})

const tenantId = '01934d2e-0000-7000-8000-000000000001'
const webhooks = '/v1/webhooks/kintell/01934d2e-0000-7000-8000-00000000000'
const limits = {
  GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE: '20',
  GATEWAY_LIMIT_USER_PER_MINUTE: '30',
  GATEWAY_LIMIT_SIGN_IN_PER_MINUTE: '5',
  GATEWAY_LIMIT_WEBHOOK_ENDPOINT_PER_SECOND: '1000000',
}

function run(changes: Record<string, string> = {}): Promise<RunningGateway> {
  return runGateway(servers, { INGEST_URL: ingest.url, ...limits, ...changes })
}

async function statuses(count: number, ask: (index: number) => Promise<Response>): Promise<Record<number, number>> {
  const found: Record<number, number> = {}
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => ask(index)))
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1
  return found
}

test('a client without a token has one limit, whatever it claims about its address; probes are not counted', async () => {
  await using gateway = await run()
  const open = (index: number) =>
    fetch(`${gateway.url}/problems/internal`, { headers: { 'x-forwarded-for': `198.51.100.${index}` } })
  assert.deepEqual(await statuses(60, open), { 200: 20, 429: 40 })
  const refused = await open(0)
  assert.equal(refused.headers.get('content-type'), 'application/problem+json')
  assert.equal(((await refused.json()) as { type: string }).type, '/problems/rate-limited')
  assert.ok(Number(refused.headers.get('retry-after')) > 50)
  assert.equal(refused.headers.get('ratelimit-policy'), '"anonymous";q=20;w=60')
  assert.match(refused.headers.get('ratelimit') ?? '', /^"anonymous";r=0;t=\d+$/)
  const probes = await statuses(100, () => fetch(`${gateway.url}/health/liveness`))
  assert.deepEqual(probes, { 200: 100 })
  // tokens nobody signed count for the client too, and are not looked at for ever
  const forged = { authorization: 'Bearer e30.e30.AAAA' }
  assert.deepEqual(await statuses(5, () => fetch(`${gateway.url}/v1/me`, { headers: forged })), { 429: 5 })
  assert.equal((await fetch(`${gateway.url}/no/such/route`)).status, 404)
})

test('behind a proxy that is trusted each client has its own limit, and what it puts before its address is ignored', async () => {
  await using gateway = await run({ GATEWAY_TRUSTED_PROXIES: '127.0.0.0/8' })
  const open = (forwarded: string) =>
    fetch(`${gateway.url}/problems/internal`, { headers: { 'x-forwarded-for': forwarded } })
  assert.deepEqual(await statuses(30, (index) => open(`203.0.113.${index}, 198.51.100.1`)), { 200: 20, 429: 10 })
  assert.deepEqual(await statuses(30, () => open('198.51.100.2')), { 200: 20, 429: 10 })
})

test('a user has one limit over all connections, and nobody else pays for it', async () => {
  await using gateway = await run()
  const [token, other] = [
    await gateway.tokenOf('company_admin', tenantId),
    await gateway.tokenOf('auditor', tenantId, { claims: { sub: '01934d2e-0000-7000-8000-0000000000aa' } }),
  ]
  const ask = (bearer: string) => fetch(`${gateway.url}/v1/me`, { headers: { authorization: `Bearer ${bearer}` } })
  assert.deepEqual(await statuses(70, () => ask(token)), { 200: 30, 429: 40 })
  const answer = await ask(other)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('ratelimit') ?? '', /^"user";r=\d+;t=\d+$/)
})

test('right signatures count for the endpoint, wrong ones for the client that sent them', async () => {
  await using gateway = await run({ GATEWAY_LIMIT_WEBHOOK_ENDPOINT_PER_SECOND: '40' })
  const post = (endpoint: string) => () =>
    fetch(`${gateway.url}${webhooks}${endpoint}`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
  ingest.answerWith({ status: 202, body: '{}' })
  assert.deepEqual(await statuses(60, post('a')), { 202: 40, 429: 20 })
  ingest.answerWith({ status: 401, body: '{}' })
  const wrong = await statuses(60, post('b'))
  assert.equal(wrong[401], 20)
  assert.equal((wrong[401] ?? 0) + (wrong[429] ?? 0), 60)
})

test('two gateways on a shared store let in one limit together', async () => {
  await using store = await privateCountStore()
  const shared = { GATEWAY_LIMIT_STORE_URL: store.url, GATEWAY_REPLICAS: '2', GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE: '60' }
  await using first = await run(shared)
  await using second = await run(shared)
  const gateways = [first, second]
  const found = await statuses(120, (index) => fetch(`${gateways[index % 2]?.url}/problems/internal`))
  assert.ok((found[200] ?? 0) >= 50 && (found[200] ?? 0) <= 66, JSON.stringify(found))
  await store.kill()
  const more = await statuses(120, (index) => fetch(`${gateways[index % 2]?.url}/problems/internal`))
  assert.ok((found[200] ?? 0) + (more[200] ?? 0) <= 90, 'half as much again where the store is lost')
})
