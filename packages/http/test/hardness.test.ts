import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { z } from 'zod'
import { route } from '../src/route.ts'
import { keysOnDisk, type KeysOnDisk } from './keys-on-disk.ts'
import { sendRaw } from './raw-connection.ts'
import { runServer, type RunningServer } from './running-server.ts'

let keys: KeysOnDisk
let server: RunningServer

const echo = route({
  method: 'POST',
  path: '/v1/echo',
  summary: 'counts bytes',
  permission: 'public',
  body: 'raw',
  bodyBytesMax: 1_000,
  answers: { 200: z.object({ bytes: z.number(), trailer: z.boolean() }) },
  async handle({ body, headers }) {
    return { status: 200, body: { bytes: body.length, trailer: headers['x-trailer'] !== undefined } }
  },
})

const reading = route({
  method: 'GET',
  path: '/v1/readings/:id',
  summary: 'reads',
  permission: 'profile:read',
  answers: { 200: z.object({}) },
  handle: async () => ({ status: 200, body: {} }),
})

const published = route({
  method: 'GET',
  path: '/v1/document',
  summary: 'a document',
  permission: 'public',
  answers: { 200: z.object({ a: z.string() }) },
  handle: async () => ({ status: 200, body: { a: 'b' } }),
})

const asking = route({
  method: 'POST',
  path: '/v1/nothing',
  summary: 'takes no body',
  permission: 'public',
  answers: { 200: z.object({}) },
  handle: async () => ({ status: 200, body: {} }),
})

const routes = [echo, reading, published, asking]

before(async () => {
  keys = await keysOnDisk([])
  server = await runServer({ routes, publicKeysDir: keys.publicKeysDir, door: 'edge' })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
})

const host = 'host: example.org'
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\n${host}\r\n${more}\r\n`
const post = (more: string, body = '', path = '/v1/echo'): string =>
  `POST ${path} HTTP/1.1\r\n${host}\r\ncontent-type: text/plain\r\n${more}\r\n\r\n${body}`

async function assertProblem(bytes: string, status: number, code: string): Promise<void> {
  const answer = await sendRaw(server.port, bytes)
  assert.equal(answer.status, status, `${bytes.slice(0, 80)} ${answer.head}`)
  assert.equal(JSON.parse(answer.body).type, `/problems/${code}`)
}

/** Everything a connection says until it ends or is silent for a moment. */
async function listen(socket: Socket, until: RegExp): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await eventually(() => assert.match(text, until))
  return text
}

test('a header that counts once and comes twice is refused; others may repeat', async () => {
  for (const line of [
    'host: other.example',
    'authorization: Bearer a',
    'content-type: text/csv',
    'idempotency-key: a',
  ]) {
    const twice = line.startsWith('content-type') || line.startsWith('host') ? line : `${line}\r\n${line}`
    await assertProblem(post(`${twice}\r\ncontent-length: 0`), 400, 'request-malformed')
  }
  assert.equal((await sendRaw(server.port, get('/v1/document', 'accept: a\r\naccept: b\r\n'))).status, 200)
})

test('more than a hundred header lines are 431, none is dropped in silence', async () => {
  const lines = Array.from({ length: 101 }, (_, index) => `x-${index}: a\r\n`).join('')
  await assertProblem(get('/v1/document', lines), 431, 'headers-too-large')
  const short = Array.from({ length: 2_500 }, () => 'a:\r\n').join('')
  await assertProblem(get('/v1/document', short), 431, 'headers-too-large')
})

test('targets that are no plain path are unknown: absolute, doubled and encoded slashes, dots, fragments, stars', async () => {
  const targets = [
    'http://example.org/v1/document',
    '//v1/document',
    '/v1%2fdocument',
    '/v1/./document',
    '/v1/x/../document',
  ]
  for (const target of [...targets, '/v1/document/', '/v1/document;a=b', '/V1/document', '/v1/document%00']) {
    await assertProblem(get(target), 404, 'route-not-found')
  }
  for (const line of ['OPTIONS * HTTP/1.1', 'GET document HTTP/1.1', 'GET /v1/document#a HTTP/1.1']) {
    const { status } = await sendRaw(server.port, `${line}\r\n${host}\r\n\r\n`)
    assert.ok(status === 404 || status === 400, `${line}: ${status}`)
  }
})

test('who asks before sending a body is told to go on only when it is read', async () => {
  const expecting = (more: string, path?: string): string => post(`expect: 100-continue\r\n${more}`, '', path)
  const accepted = connect(server.port, '127.0.0.1')
  accepted.write(expecting('content-length: 3'))
  await listen(accepted, /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  const answer = listen(accepted, /"bytes":3/)
  accepted.write('abc')
  await answer
  accepted.destroy()
  await assertProblem(expecting('content-length: 1001'), 413, 'body-too-large')
  await assertProblem(expecting('content-length: 3', '/v1/unknown'), 404, 'route-not-found')
  await assertProblem(expecting('content-length: 3', '/v1/readings/a'), 405, 'method-not-allowed')
  const unknown = await sendRaw(server.port, post('expect: something\r\nconnection: close\r\ncontent-length: 3', 'abc'))
  assert.equal(unknown.status, 417)
})

test('requests in a row are answered in their order, and each by itself', async () => {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    post('content-length: 3', 'abc') + get('/v1/document') + get('/v1/unknown') + post('content-length: 1', 'a'),
  )
  const text = await listen(socket, /"bytes":1[^]*$/)
  socket.destroy()
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '200', '404', '200'],
  )
})

test('chunk extensions do no harm and do not grow without end; trailers are not headers', async () => {
  const chunked = 'transfer-encoding: chunked'
  const extended = await sendRaw(server.port, post(chunked, '3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'))
  assert.equal(JSON.parse(extended.body).bytes, 3)
  assert.ok((await sendRaw(server.port, post(chunked, `3;${'a'.repeat(40_000)}\r\nabc\r\n0\r\n\r\n`))).status >= 400)
  const trailed = await sendRaw(
    server.port,
    post(`${chunked}\r\ntrailer: x-trailer`, '3\r\nabc\r\n0\r\nx-trailer: a\r\n\r\n'),
  )
  assert.deepEqual(JSON.parse(trailed.body), { bytes: 3, trailer: false })
  for (const chunk of ['g\r\nabc', '-3\r\nabc', '0x3\r\nabc', '3 \r\nab', 'fffffffffffffffff\r\nabc', '3\nabc']) {
    assert.equal((await sendRaw(server.port, post(chunked, `${chunk}\r\n0\r\n\r\n`))).status, 400, chunk)
  }
})

test('HEAD is answered like GET without a body for documents and probes; a reading is never asked for so', async () => {
  const head = (path: string): string => `HEAD ${path} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`
  for (const path of ['/v1/document', '/health', '/health/liveness', '/health/readiness']) {
    const asked = await sendRaw(server.port, head(path))
    const { head: expected } = await sendRaw(server.port, get(path))
    assert.deepEqual([asked.status, asked.body], [200, ''], path)
    assert.equal(/content-length: \d+/i.exec(asked.head)?.[0], /content-length: \d+/i.exec(expected)?.[0])
  }
  const refused = await sendRaw(server.port, head('/v1/readings/a'))
  assert.equal(refused.status, 405)
  assert.match(refused.head, /allow: GET\r\n/i)
})

test('a request without a body is fine for a route that takes none, whatever type it claims', async () => {
  const empty = `POST /v1/nothing HTTP/1.1\r\n${host}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n`
  assert.equal((await sendRaw(server.port, empty)).status, 200)
})

test('compressed bodies are not read, in whatever coding', async () => {
  for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'x-gzip', 'compress']) {
    await assertProblem(post(`content-encoding: ${coding}\r\ncontent-length: 3`, 'abc'), 415, 'media-type-unsupported')
  }
})

test('near the limit the connection that has been idle the longest makes room, one at work does not', async () => {
  await using small = await runServer({ routes, publicKeysDir: keys.publicKeysDir, door: 'edge', connectionsMax: 20 })
  const open = async (): Promise<Socket> => {
    const socket = connect(small.port, '127.0.0.1').on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }
  const working = await open()
  working.write(post('content-length: 10', 'abc'))
  const silent: Socket[] = []
  for (let count = 0; count < 60; count += 1) silent.push(await open())
  await eventually(() => assert.ok(silent.filter((socket) => socket.readableEnded || socket.destroyed).length >= 40))
  assert.ok(!silent.at(-1)?.destroyed)
  assert.equal((await fetch(`${small.url}/health`)).status, 200)
  const answer = listen(working, /"bytes":10/)
  working.write('defghij')
  await answer
  for (const socket of [working, ...silent]) socket.destroy()
})

test('where every connection sends a body, the slowest makes room for who is quick', async () => {
  await using small = await runServer({ routes, publicKeysDir: keys.publicKeysDir, door: 'edge', connectionsMax: 20 })
  const slow: Socket[] = []
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(small.port, '127.0.0.1').on('error', () => undefined)
    slow.push(socket)
    socket.write(post('expect: 100-continue\r\ncontent-length: 900'))
    await listen(socket, /100 Continue/)
    socket.write('a')
  }
  await assert.rejects(fetch(`${small.url}/health`), 'the door is full')
  await eventually(async () => assert.equal((await fetch(`${small.url}/health`)).status, 200), { withinMs: 10_000 })
  assert.ok(slow.filter((socket) => socket.destroyed).length <= 3, 'nobody else had to go')
  for (const socket of slow) socket.destroy()
})
