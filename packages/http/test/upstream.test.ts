import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import { createTelemetry } from '@csr/runtime/telemetry'
import { z } from 'zod'
import { createUpstream, type Upstream } from '../src/upstream.ts'
import { quietLogger } from './running-server.ts'

let server: Server
let url: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
let seen: IncomingMessage[] = []

before(async () => {
  server = createServer((request, response) => {
    seen.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => void (seen = []))

const requestId = '0198a000-0000-7000-8000-00000000000c'
const unavailable = { name: 'UpstreamUnavailable' }

function open(options: { urls?: string[]; connectionsMax?: number; deadlineMs?: number } = {}): Upstream {
  return createUpstream({
    service: 'profile',
    urls: [url],
    tokens: { tokenFor: (audience) => `token-for-${audience}` },
    logger: quietLogger(),
    telemetry: createTelemetry('test'),
    ...options,
  })
}

test('a call carries its own token, the caller token, the request id and the time that is left', async () => {
  answer = (_request, response) => void response.writeHead(201, { 'x-a': 'b', 'content-length': 11 }).end('{"ok":true}')
  await using upstream = open()
  const { status, headers, body } = await upstream.call({
    ...{ method: 'POST', path: '/v1/x?y=1', requestId, authorization: 'Bearer t', body: 'z', deadlineMs: 700 },
    headers: ['content-type', 'text/plain'],
  })
  assert.deepEqual([status, headers['x-a'], Buffer.isBuffer(body) && body.toString()], [201, 'b', '{"ok":true}'])
  const [request] = seen
  assert.equal(request?.url, '/v1/x?y=1')
  assert.equal(request?.headers['x-service-token'], 'token-for-profile')
  assert.equal(request?.headers.authorization, 'Bearer t')
  assert.equal(request?.headers['x-request-id'], requestId)
  const leftMs = Number(request?.headers['x-deadline-ms'])
  assert.ok(leftMs > 0 && leftMs <= 700, String(leftMs))
})

test('json reads an answer by its schema and refuses other statuses', async () => {
  await using upstream = open()
  const schema = z.object({ ok: z.boolean() })
  answer = (_request, response) => void response.end('{"ok":true,"more":1}')
  assert.deepEqual(await upstream.json({ method: 'GET', path: '/', requestId }, schema), { ok: true })
  answer = (_request, response) => void response.writeHead(404).end('{}')
  const refused = { name: 'UpstreamRefused', status: 404 }
  await assert.rejects(upstream.json({ method: 'GET', path: '/', requestId }, schema), refused)
})

test('answers without a length and large ones arrive as a stream, whole', async () => {
  await using upstream = open()
  const large = Buffer.alloc(3_000_000, 'abc')
  answer = (_request, response) =>
    void Readable.from([large.subarray(0, 1_000_000), large.subarray(1_000_000)]).pipe(response)
  const { body } = await upstream.call({ method: 'GET', path: '/', requestId })
  assert.ok(body instanceof Readable)
  assert.ok(Buffer.concat(await body.toArray()).equals(large))
  answer = (_request, response) => void response.writeHead(200, { 'content-length': large.length }).end(large)
  const known = await upstream.call({ method: 'GET', path: '/', requestId })
  assert.ok(known.body instanceof Readable)
  assert.ok(Buffer.concat(await known.body.toArray()).equals(large))
})

test('a streamed answer that breaks off is an error, not a short answer', async () => {
  await using upstream = open()
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 1_000_000 })
    response.write(Buffer.alloc(100_000), () => response.destroy())
  }
  const { body } = await upstream.call({ method: 'GET', path: '/', requestId })
  await assert.rejects(async () => await (body as Readable).toArray())
})

test('P8: nothing listens there: unavailable at once', async () => {
  await using upstream = open({ urls: ['http://127.0.0.1:9'] })
  const startedMs = performance.now()
  await assert.rejects(upstream.call({ method: 'POST', path: '/', requestId, body: 'x' }), unavailable)
  assert.ok(performance.now() - startedMs < 1_000)
})

test('P8: no answer within the deadline: unavailable, and the call ends on the other side too', async () => {
  const ended = Promise.withResolvers<void>()
  answer = (request) => void request.on('close', () => ended.resolve())
  await using upstream = open()
  const startedMs = performance.now()
  await assert.rejects(upstream.call({ method: 'GET', path: '/', requestId, deadlineMs: 150 }), unavailable)
  assert.ok(performance.now() - startedMs < 1_000)
  await ended.promise
})

test('P8: a body that stalls behind its headers ends at the deadline too', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('abc')
  }
  await using upstream = open()
  await assert.rejects(upstream.call({ method: 'GET', path: '/', requestId, deadlineMs: 150 }), unavailable)
})

test('whoever hangs up ends the call', async () => {
  answer = () => undefined
  await using upstream = open()
  const leaving = new AbortController()
  const call = upstream.call({ method: 'POST', path: '/', requestId, body: 'x', signal: leaving.signal })
  setImmediate(() => leaving.abort())
  await assert.rejects(call, unavailable)
})

test('a safe call is repeated once where the connection is lost, an unsafe one never', async () => {
  await using upstream = open()
  answer = (request, response) => void (seen.length === 1 ? request.socket.destroy() : response.end('{}'))
  assert.equal((await upstream.call({ method: 'GET', path: '/', requestId })).status, 200)
  assert.equal(seen.length, 2)
  seen = []
  await assert.rejects(upstream.call({ method: 'POST', path: '/', requestId, body: 'x' }), unavailable)
  assert.equal(seen.length, 1)
})

test('P8: beyond what may wait, calls are refused at once instead of piling up', async () => {
  const arrived = Promise.withResolvers<ServerResponse>()
  answer = (_request, response) => arrived.resolve(response)
  await using upstream = open({ connectionsMax: 1 })
  const calls = Array.from(
    { length: 9 },
    async () => (await upstream.call({ method: 'GET', path: '/', requestId })).status,
  )
  const startedMs = performance.now()
  await assert.rejects(upstream.call({ method: 'GET', path: '/', requestId }), unavailable)
  assert.ok(performance.now() - startedMs < 100)
  const first = await arrived.promise
  answer = (_request, response) => void response.end('{}')
  first.end('{}')
  assert.deepEqual(await Promise.all(calls), Array(9).fill(200))
})

test('P8: after many failures calls fail without being sent, and come through again once the other side is back', async () => {
  await using upstream = open()
  answer = (request) => void request.socket.destroy()
  for (let call = 0; call < 40; call += 1) {
    await assert.rejects(upstream.call({ method: 'POST', path: '/', requestId, body: 'x' }), unavailable)
  }
  assert.ok(seen.length < 40, String(seen.length))
  answer = (_request, response) => void response.end('{}')
  const untilMs = performance.now() + 5_000
  let status = 0
  while (status !== 200 && performance.now() < untilMs) {
    status = await upstream.call({ method: 'POST', path: '/', requestId, body: 'x' }).then(
      (got) => got.status,
      () => new Promise<number>((resolve) => setTimeout(resolve, 50, 0)),
    )
  }
  assert.equal(status, 200)
})
