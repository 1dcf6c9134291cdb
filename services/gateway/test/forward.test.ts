import assert from 'node:assert/strict'
import { request as send, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { grants, Role } from '@csr/contracts/permissions'
import { forwarding, type Forwarding } from '../src/forwarding.ts'
import { openEdge, tenantId, type Edge } from './edge.ts'
import { recordingService, type RecordingService } from './recording-service.ts'

let service: RecordingService
let edge: Edge
let admin: string

before(async () => {
  service = await recordingService()
  edge = await openEdge(service.url)
  admin = await edge.tokenOf('company_admin')
})
after(async () => {
  await edge[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})
beforeEach(() => {
  service.requests.length = 0
  service.answerWith({ status: 200, body: '{}' })
})

const id = '0198a000-0000-7000-8000-00000000000b'
const webhook = `/v1/webhooks/kintell/${id}`

type Asked = { status: number; headers: Headers; body: { type?: string; outcome?: string } }

async function ask(path: string, init: RequestInit = {}): Promise<Asked> {
  const answer = await fetch(edge.url + path, { redirect: 'manual', ...init })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const signedIn = (token: string, more: Record<string, string> = {}): RequestInit => ({
  headers: { authorization: `Bearer ${token}`, ...more },
})

test('a webhook passes byte for byte, with the headers that are signed and no others of the client', async () => {
  service.answerWith({
    status: 202,
    body: '{"deliveryId":"x","outcome":"accepted"}',
    headers: { 'content-type': 'application/json' },
  })
  const bytes = Buffer.from('{ "type" : "session.completed",\r\n "data":{"caf\u00e9":1e2} }  ')
  const { status, body } = await ask(webhook, {
    method: 'POST',
    body: bytes,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1795168800',
      'webhook-signature': 'v1,abc v1,def',
      'webhook-other': 'x',
      authorization: `Bearer ${admin}`,
      cookie: 'a=b',
      'x-request-id': id,
    },
  })
  assert.equal(status, 202)
  assert.deepEqual(body, { deliveryId: 'x', outcome: 'accepted' })
  const [received] = service.requests
  assert.ok(received?.body.equals(bytes))
  const names = Object.keys(received?.headers ?? {}).toSorted()
  assert.deepEqual(names, [
    ...['accept', 'connection', 'content-length', 'content-type', 'host', 'webhook-id', 'webhook-signature'],
    ...['webhook-timestamp', 'x-deadline-ms', 'x-request-id', 'x-service-token'],
  ])
  assert.equal(received?.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(received?.headers['webhook-signature'], 'v1,abc v1,def')
  assert.notEqual(received?.headers['x-request-id'], id)
})

test('what a client claims about itself, and what concerns one connection only, reaches no service', async () => {
  const { status } = await ask(`/v1/profiles/${id}`, {
    headers: {
      authorization: `Bearer ${admin}`,
      'x-user-id': 'u',
      'x-tenant-id': 't',
      'x-internal-role': 'platform_admin',
      'x-service-token': 'forged',
      'x-deadline-ms': '999999',
      'x-forwarded-for': '127.0.0.1',
      'x-http-method-override': 'DELETE',
      te: 'trailers',
      'proxy-authorization': 'x',
      forwarded: 'for=127.0.0.1',
    },
  })
  assert.equal(status, 200)
  const headers: IncomingHttpHeaders = service.requests[0]?.headers ?? {}
  assert.equal(headers.authorization, `Bearer ${admin}`)
  assert.match(String(headers['x-service-token']), /^ey/)
  assert.ok(Number(headers['x-deadline-ms']) <= 2_500)
  for (const name of [
    'x-user-id',
    'x-tenant-id',
    'x-internal-role',
    'x-forwarded-for',
    'x-http-method-override',
    'te',
    'proxy-authorization',
    'forwarded',
  ]) {
    assert.equal(headers[name], undefined, name)
  }
})

test('headers named in Connection do not remove what the gateway adds', async () => {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${admin}`, connection: 'close, x-service-token, authorization' }
    send(`${edge.url}/v1/profiles/${id}`, { headers }, resolve).on('error', reject).end()
  })
  answer.resume()
  assert.equal(answer.statusCode, 200)
  assert.ok(service.requests[0]?.headers['x-service-token'])
  assert.ok(service.requests[0]?.headers.authorization)
})

test('path and query reach the service as sent', async () => {
  await ask(`/v1/profiles?limit=5&cursor=a%20b`, signedIn(admin))
  assert.equal(service.requests[0]?.target, '/v1/profiles?limit=5&cursor=a%20b')
})

test('tricks with the path are unknown routes, before any token is read', async () => {
  const paths = [
    ...[
      `/v1/profiles/${id}/`,
      `/v1//profiles/${id}`,
      `//v1/profiles/${id}`,
      `/V1/profiles/${id}`,
      `/v1/Profiles/${id}`,
    ],
    ...[`/v1%2fprofiles/${id}`, `/v1/profiles%2F${id}`, `/v1/%70rofiles/${id}`, `/v1/profiles/${id}%2factivities`],
    ...[
      `/v1/profiles/${id};a=b`,
      `/v1/profiles/${id}%00`,
      '/v1/webhooks/other/x',
      '/v1/webhooks/Kintell/x',
      '/v1/webhooks/kintell',
    ],
    ...['/metrics', '/v1', '/'],
  ]
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const { status, body } = await ask(path, { method })
      assert.equal(status, 404, `${method} ${path}`)
      assert.equal(body.type, '/problems/route-not-found', `${method} ${path}`)
    }
  }
  assert.equal(service.requests.length, 0)
})

test('a webhook is checked in the order of path, size, type; then ingest decides', async () => {
  const post = async (path: string, body: string, type: string): Promise<string | undefined> =>
    (await ask(path, { method: 'POST', body, headers: { 'content-type': type } })).body.type
  const tooLarge = 'x'.repeat(1_048_577)
  assert.equal(await post('/v1/webhooks/other/x', tooLarge, 'text/plain'), '/problems/route-not-found')
  assert.equal(await post(webhook, tooLarge, 'text/plain'), '/problems/body-too-large')
  assert.equal(await post(webhook, '{}', 'text/plain'), '/problems/media-type-unsupported')
  assert.equal(service.requests.length, 0)
  service.answerWith({
    status: 401,
    body: '{"type":"/problems/signature-invalid"}',
    headers: { 'content-type': 'application/problem+json' },
  })
  assert.equal(await post(webhook, 'not json', 'application/json'), '/problems/signature-invalid')
})

test('a body of the largest size passes', async () => {
  const { status } = await ask(webhook, {
    method: 'POST',
    body: 'x'.repeat(1_048_576),
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(status, 200)
  assert.equal(service.requests[0]?.body.length, 1_048_576)
})

test('answers come back as they are: status, bytes, and the headers that are meant for the client', async () => {
  const problem = '{"type":"/problems/state-conflict","title":"Conflict","status":409}'
  service.answerWith({
    status: 409,
    body: problem,
    headers: {
      'content-type': 'application/problem+json',
      'retry-after': '7',
      'x-powered-by': 'x',
      'set-cookie': 'a=b',
    },
  })
  const { status, headers, body } = await ask(`/v1/profiles/${id}`, signedIn(admin))
  assert.equal(status, 409)
  assert.deepEqual(body, JSON.parse(problem))
  assert.equal(headers.get('content-type'), 'application/problem+json')
  assert.equal(headers.get('retry-after'), '7')
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
  assert.equal(headers.get('x-powered-by'), null)
  assert.equal(headers.get('set-cookie'), null)
})

test('a large answer comes through whole', async () => {
  const body = Buffer.alloc(3_000_000, 'abc')
  service.answerWith({ status: 200, body, headers: { 'content-type': 'text/csv' } })
  const answer = await fetch(`${edge.url}/v1/profiles/${id}`, signedIn(admin))
  assert.equal(answer.headers.get('content-length'), String(body.length))
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(body))
})

test('a service that does not accept our own token is our fault, not the client’s', async () => {
  service.answerWith({ status: 401, body: '{"type":"/problems/service-token-invalid"}' })
  const { status, body } = await ask(`/v1/profiles/${id}`, signedIn(admin))
  assert.equal(status, 503)
  assert.equal(body.type, '/problems/dependency-unavailable')
})

test('every forwarded operation is denied to everyone without its permission, and to nobody with it', async () => {
  assert.ok(forwarding.length >= 20, `only ${forwarding.length} rows`)
  const tokens = await Promise.all(Object.values(Role).map(async (role) => [role, await edge.tokenOf(role)] as const))
  for (const { operation } of forwarding) {
    const path = operation.path.replace(/:[a-z]+/gi, id)
    const { permission, method } = operation
    const init = { method, ...(operation.body !== undefined && { body: '{}' }) }
    const type = { 'content-type': operation.mediaTypes?.[0] ?? 'application/json' }
    const anonymous = await ask(path, { ...init, headers: type })
    assert.equal(anonymous.status, permission === 'public' ? 200 : 401, `${method} ${path}`)
    for (const [role, token] of tokens) {
      const allowed = permission === 'public' || permission === 'signed-in' || grants[role][permission] !== undefined
      const { status } = await ask(path, { ...init, ...signedIn(token, type) })
      assert.equal(status, allowed ? 200 : 403, `${role}: ${method} ${path}`)
    }
  }
})

test('operations meant for other services only are not there', async () => {
  for (const { operation } of forwarding) {
    assert.ok(operation.callers === undefined || operation.callers.includes('gateway'), operation.path)
  }
})

test('refusals are told with the pattern of the route, who, and from where; never the path', async () => {
  edge.refusals.length = 0
  const auditor = await edge.tokenOf('auditor')
  await ask(`/v1/profiles/${id}`, signedIn(auditor))
  await ask(`/v1/profiles/${id}`, signedIn('a.b.c'))
  const [denied, unknown] = edge.refusals
  assert.equal(denied?.code, 'permission-denied')
  assert.deepEqual(
    [denied?.tenantId, denied?.actorId, denied?.route],
    [tenantId, 'development-auditor', '/v1/profiles/:id'],
  )
  assert.equal(denied?.clientAddress, '127.0.0.1')
  assert.deepEqual([unknown?.code, unknown?.tenantId, unknown?.actorId], ['token-invalid', null, null])
  assert.ok(!JSON.stringify(edge.refusals).includes(id))
})

const uploads: Forwarding = {
  service: 'ingest',
  operation: {
    method: 'POST',
    path: '/v1/uploads',
    summary: 'takes a file',
    permission: 'ingest:import',
    body: 'stream',
    mediaTypes: ['text/csv'],
    bodyBytesMax: 50_000_000,
    answers: {},
  },
}

test('an upload passes as it arrives, whole, and with its length', async () => {
  await using own = await openEdge(service.url, [uploads])
  const body = Buffer.alloc(5_000_000, 'a,b\n')
  const headers = { authorization: `Bearer ${await own.tokenOf('company_admin')}`, 'content-type': 'text/csv' }
  service.answerWith({ status: 202, body: '{}' })
  assert.equal((await fetch(`${own.url}/v1/uploads`, { method: 'POST', body, headers })).status, 202)
  assert.ok(service.requests[0]?.body.equals(body))
  assert.equal(service.requests[0]?.headers['content-length'], String(body.length))
})

test('an upload that breaks off ends the call to the service too', async () => {
  const broken = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  await using breaking = await recordingService((request) => {
    request.on('error', () => undefined).on('close', () => broken.resolve())
    request.once('data', () => started.resolve())
  })
  await using own = await openEdge(breaking.url, [uploads])
  const headers = { authorization: `Bearer ${await own.tokenOf('company_admin')}`, 'content-type': 'text/csv' }
  const upload = send(`${own.url}/v1/uploads`, { method: 'POST', headers: { ...headers, 'content-length': 1_000_000 } })
  upload.on('error', () => undefined)
  upload.write(Buffer.alloc(100_000))
  await started.promise
  upload.destroy()
  await broken.promise
})

test('P8: a service that is down is 503 with Retry-After, at once', async () => {
  await using lonely = await openEdge('http://127.0.0.1:9')
  const startedMs = performance.now()
  const answer = await fetch(`${lonely.url}${webhook}`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('retry-after'), '1')
  assert.equal(((await answer.json()) as { type: string }).type, '/problems/dependency-unavailable')
  assert.ok(performance.now() - startedMs < 1_000)
})
