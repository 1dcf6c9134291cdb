import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { ProblemError } from '../src/problem.ts'
import { route } from '../src/route.ts'
import { accessTokenOf, keysOnDisk, serviceTokenOf, tenantId, type KeysOnDisk } from './keys-on-disk.ts'
import { runServer, type RunningServer } from './running-server.ts'

let keys: KeysOnDisk
let server: RunningServer
let headers: Record<string, string>

class PostgresUnavailable extends Error {
  override readonly name = 'PostgresUnavailable'
}

const thing = z.object({ id: z.string(), inner: z.object({ shown: z.number() }) })

const routes = [
  route({
    method: 'GET',
    path: '/v1/things/:id',
    summary: 'reads a thing',
    permission: 'profile:read',
    params: z.object({ id: z.guid() }),
    query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) }),
    answers: { 200: thing },
    async handle({ params, query }) {
      const body = { id: params.id, hidden: 'x', inner: { shown: query.limit, hidden: 'y' } }
      return { status: 200, body }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/things',
    summary: 'makes a thing',
    permission: 'profile:write',
    body: z.strictObject({ name: z.string().max(20), tags: z.array(z.string()).optional() }),
    bodyBytesMax: 2_000,
    answers: { 201: z.object({ name: z.string(), tenantId: z.string(), reach: z.string() }) },
    async handle({ body, principal, reach }) {
      return { status: 201, body: { name: body.name, tenantId: principal.tenantId, reach: String(reach) } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/failures/:kind',
    summary: 'fails',
    permission: 'public',
    callers: ['gateway'],
    answers: { 200: z.object({}) },
    async handle({ params }) {
      if (params['kind'] === 'database') throw new PostgresUnavailable('secret text')
      if (params['kind'] === 'problem') throw new ProblemError('state-conflict', { detail: 'closed' })
      throw new Error('secret text')
    },
  }),
]

before(async () => {
  keys = await keysOnDisk(['access', 'gateway', 'q2q'])
  server = await runServer({ routes, publicKeysDir: keys.publicKeysDir })
  headers = {
    authorization: `Bearer ${await accessTokenOf(keys.pair('access'), Date.now())}`,
    'x-service-token': await serviceTokenOf(keys.pair('gateway'), Date.now(), {
      caller: 'gateway',
      audience: 'profile',
    }),
  }
})

after(async () => {
  await server[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
})

const id = '0198a000-0000-7000-8000-00000000000b'

type Asked = { readonly status: number; readonly body: ProblemLike; readonly headers: Headers }
/** Whatever an answer may hold here, problem document or thing. */
type ProblemLike = { type: string; instance: string; detail?: string; errors: { pointer: string }[] }

async function ask(path: string, init: RequestInit = {}): Promise<Asked> {
  const answer = await fetch(server.url + path, { headers, ...init })
  const text = await answer.text()
  return { status: answer.status, body: JSON.parse(text) as ProblemLike, headers: answer.headers }
}

async function post(path: string, body: string, more: Record<string, string> = {}): ReturnType<typeof ask> {
  return await ask(path, { method: 'POST', body, headers: { ...headers, 'content-type': 'application/json', ...more } })
}

test('an answer holds documented fields only, in nested objects too', async () => {
  const { status, body } = await ask(`/v1/things/${id}?limit=7`)
  assert.equal(status, 200)
  assert.deepEqual(body, { id, inner: { shown: 7 } })
})

test('a checked body and the verified caller reach the route', async () => {
  const { status, body } = await post('/v1/things', '{"name":"a"}')
  assert.equal(status, 201)
  assert.deepEqual(body, { name: 'a', tenantId, reach: 'tenant' })
})

test('unknown routes are 404 problem documents, before any token is asked for', async () => {
  for (const path of ['/', '/v1', '/v1/thing', `/v1/things/${id}/`, '/V1/things', '//v1/things', '/v1//things']) {
    for (const method of ['GET', 'POST']) {
      const { status, body, headers: got } = await ask(path, { method, headers: {} })
      assert.equal(status, 404, `${method} ${path}`)
      assert.equal(got.get('content-type'), 'application/problem+json')
      assert.equal(body.type, '/problems/route-not-found')
      assert.match(body.instance, /^urn:uuid:[0-9a-f-]{36}$/)
    }
  }
})

test('encoded slashes and letters are no way around the path of a route', async () => {
  for (const path of [
    `/v1%2fthings/${id}`,
    `/v1/%74hings/${id}`,
    `/v1/things/..%2f${id}`,
    '/v1/things/%',
    '/v1/things/%zz',
  ]) {
    const { status, body } = await ask(path)
    assert.equal(status, 404, path)
    assert.equal(body.type, '/problems/route-not-found')
  }
})

test('a known path answers 405 with the methods it has', async () => {
  const { status, body, headers: got } = await ask('/v1/things', { method: 'PUT', headers: {} })
  assert.equal(status, 405)
  assert.equal(body.type, '/problems/method-not-allowed')
  assert.equal(got.get('allow'), 'POST')
})

test('parameters of another form are 400 and named, never repeated', async () => {
  const { status, body } = await ask(`/v1/things/${id}?limit=900`)
  assert.equal(status, 400)
  assert.equal(body.type, '/problems/parameter-invalid')
  assert.equal(body.errors[0]?.pointer, 'parameter:limit')
  assert.ok(!JSON.stringify(body).includes('900'))
  assert.equal((await ask('/v1/things/no-id')).body.errors[0]?.pointer, 'parameter:id')
})

test('malformed JSON is 400, another type 415, too much 413, another shape 422 with pointers', async () => {
  assert.equal((await post('/v1/things', '{"name":')).body.type, '/problems/json-invalid')
  assert.equal(
    (await post('/v1/things', '{}', { 'content-type': 'text/plain' })).body.type,
    '/problems/media-type-unsupported',
  )
  assert.equal(
    (await post('/v1/things', JSON.stringify({ name: 'x'.repeat(3_000) }))).body.type,
    '/problems/body-too-large',
  )
  const { status, body } = await post('/v1/things', '{"name":"a","tags":["b",1]}')
  assert.equal(status, 422)
  assert.deepEqual(
    body.errors.map((error) => error.pointer),
    ['/tags/1'],
  )
  assert.equal((await post('/v1/things', '{"name":"a","tenantId":"b"}')).status, 422)
})

test('a compressed body is not read', async () => {
  const { status } = await post('/v1/things', '{"name":"a"}', { 'content-encoding': 'gzip' })
  assert.equal(status, 415)
})

test('P8: without a service token, or with one of another caller, a service port answers nothing', async () => {
  const { authorization = '' } = headers
  assert.equal(
    (await ask(`/v1/things/${id}`, { headers: { authorization } })).body.type,
    '/problems/service-token-invalid',
  )
  const fromQ2q = await serviceTokenOf(keys.pair('q2q'), Date.now(), { caller: 'q2q', audience: 'profile' })
  const { body } = await ask(`/v1/things/${id}`, { headers: { authorization, 'x-service-token': fromQ2q } })
  assert.equal(body.type, '/problems/service-token-invalid')
})

test('P8: a plain header grants nothing', async () => {
  const { 'x-service-token': token = '' } = headers
  const claimed = {
    'x-service-token': token,
    'x-user-id': 'account-1',
    'x-tenant-id': tenantId,
    'x-internal-role': 'company_admin',
  }
  assert.equal((await ask(`/v1/things/${id}`, { headers: claimed })).body.type, '/problems/token-missing')
})

test('a role without the permission is 403', async () => {
  const token = await accessTokenOf(keys.pair('access'), Date.now(), { claims: { roles: ['auditor'] } })
  const { status, body } = await ask(`/v1/things/${id}`, { headers: { ...headers, authorization: `Bearer ${token}` } })
  assert.equal(status, 403)
  assert.equal(body.type, '/problems/permission-denied')
})

test('the request id of a known service is taken over, the log line tells the pattern and no value', async () => {
  const requestId = '0198a000-0000-7000-8000-00000000000c'
  const { body } = await ask('/v1/things/secret-value', { headers: { ...headers, 'x-request-id': requestId } })
  assert.equal(body.instance, `urn:uuid:${requestId}`)
  const line = JSON.parse(server.lines.find((text) => text.includes(requestId)) ?? '{}')
  assert.equal(line.route, '/v1/things/:id')
  assert.equal(line.status, 400)
  assert.ok(!server.lines.join('').includes('secret-value'))
})

test('P8: a dependency that is down is 503 with Retry-After; what nobody expected is a bare 500', async () => {
  const down = await post('/v1/failures/database', '{}')
  assert.equal(down.status, 503)
  assert.equal(down.headers.get('retry-after'), '1')
  const unknown = await post('/v1/failures/other', '{}')
  assert.equal(unknown.status, 500)
  assert.deepEqual(Object.keys(unknown.body).toSorted(), ['instance', 'status', 'title', 'type'])
  assert.ok(!server.lines.join('').includes('secret text'))
  const chosen = await post('/v1/failures/problem', '{}')
  assert.deepEqual([chosen.status, chosen.body.detail], [409, 'closed'])
})

test('health and metrics answer without a token', async () => {
  for (const path of ['/health', '/health/liveness', '/health/readiness', '/health/startup', '/metrics']) {
    assert.equal((await fetch(server.url + path)).status, 200, path)
  }
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  assert.match(metrics, /http_request_duration_seconds_count\{.*route="\/v1\/things\/:id"/)
})
