import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { z } from 'zod'
import { route } from '../src/route.ts'
import { keysOnDisk, type KeysOnDisk } from './keys-on-disk.ts'
import { sendRaw } from './raw-connection.ts'
import { runServer, type RunningServer } from './running-server.ts'

let keys: KeysOnDisk
let server: RunningServer
const received: string[] = []
const streamIdleMs = 300

const echo = route({
  method: 'POST',
  path: '/v1/bytes',
  summary: 'counts bytes',
  permission: 'public',
  body: 'raw',
  bodyBytesMax: 1_000,
  answers: { 200: z.object({ bytes: z.number() }) },
  async handle({ body }) {
    received.push(body.toString('latin1'))
    return { status: 200, body: { bytes: body.length } }
  },
})

const upload = route({
  method: 'POST',
  path: '/v1/uploads',
  summary: 'counts bytes as they come',
  permission: 'public',
  body: 'stream',
  bodyBytesMax: 100_000,
  answers: { 200: z.object({ bytes: z.number() }) },
  async handle({ body }) {
    let bytes = 0
    for await (const chunk of body) bytes += (chunk as Buffer).length
    return { status: 200, body: { bytes } }
  },
})

const ignored: Readable[] = []
const ignoring = route({
  method: 'POST',
  path: '/v1/ignored',
  summary: 'does not read its body',
  permission: 'public',
  body: 'stream',
  answers: { 200: z.object({}) },
  async handle({ body }) {
    ignored.push(body)
    return { status: 200, body: {} }
  },
})

const patient = route({
  method: 'POST',
  path: '/v1/patient',
  summary: 'answers some time after the body was read',
  permission: 'public',
  body: 'stream',
  answers: { 200: z.object({ aborted: z.boolean() }) },
  async handle({ body, signal }) {
    await body.toArray()
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    return { status: 200, body: { aborted: signal.aborted } }
  },
})

const pausing = route({
  method: 'POST',
  path: '/v1/pausing',
  summary: 'reads its body after a pause longer than the idle limit',
  permission: 'public',
  body: 'stream',
  bodyBytesMax: 100_000,
  answers: { 200: z.object({ bytes: z.number() }) },
  async handle({ body }) {
    await new Promise((resolve) => setTimeout(resolve, streamIdleMs * 2))
    let bytes = 0
    for await (const chunk of body) bytes += (chunk as Buffer).length
    return { status: 200, body: { bytes } }
  },
})

const waiting = Promise.withResolvers<AbortSignal>()
const waits = route({
  method: 'POST',
  path: '/v1/waiting',
  summary: 'waits until the caller hangs up',
  permission: 'public',
  body: 'raw',
  answers: { 200: z.object({}) },
  async handle({ signal }) {
    waiting.resolve(signal)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    return { status: 200, body: {} }
  },
})

before(async () => {
  keys = await keysOnDisk([])
  server = await runServer({
    routes: [echo, upload, ignoring, patient, pausing, waits],
    publicKeysDir: keys.publicKeysDir,
    door: 'edge',
    headersTimeoutMs: 400,
    requestTimeoutMs: 900,
    streamIdleMs,
  })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
})

const head = (more: string, path = '/v1/bytes'): string =>
  `POST ${path} HTTP/1.1\r\nhost: example.org\r\n${more}\r\n\r\n`

async function assertProblem(bytes: string, status: number, code: string): Promise<void> {
  const answer = await sendRaw(server.port, bytes)
  assert.equal(answer.status, status, answer.head || 'no answer')
  assert.match(answer.head, /content-type: application\/problem\+json/i)
  assert.equal(JSON.parse(answer.body).type, `/problems/${code}`)
}

test('a request framed twice, or in a way nobody agrees on, is refused and the connection ends', async () => {
  const framings = [
    'content-length: 3\r\ntransfer-encoding: chunked',
    'transfer-encoding: chunked\r\ncontent-length: 3',
    'content-length: 3\r\ncontent-length: 4',
    'content-length: 3, 3',
    'content-length: +3',
    'content-length: -1',
    'content-length: 0x3',
    'transfer-encoding: chunked, identity',
    'transfer-encoding: xchunked',
    'transfer-encoding : chunked',
    'x-a: 1\n folded: 2',
    'x\u0000y: 1',
  ]
  for (const framing of framings) {
    const answer = await sendRaw(
      server.port,
      `${head(framing)}0\r\n\r\nGET /v1/me HTTP/1.1\r\nhost: example.org\r\n\r\n`,
    )
    assert.equal(answer.status, 400, framing)
    assert.equal(answer.closed, true, framing)
    assert.equal(JSON.parse(answer.body).type, '/problems/request-malformed')
    assert.equal(answer.head.match(/HTTP\/1\.1/g)?.length, 1)
  }
  assert.deepEqual(received, [])
})

test('a coding other than chunked is refused even where the parser reads it', async () => {
  await assertProblem(`${head('transfer-encoding: gzip, chunked')}3\r\nabc\r\n0\r\n\r\n`, 400, 'request-malformed')
})

test('what is not HTTP, has no host, or names an unknown method is refused', async () => {
  await assertProblem('hello\r\n\r\n', 400, 'request-malformed')
  await assertProblem('GET / HTTP/1.1\r\nhost example.org\r\n\r\n', 400, 'request-malformed')
  assert.equal((await sendRaw(server.port, 'GET /health HTTP/1.1\r\n\r\n')).status, 400)
  await assertProblem('BREW / HTTP/1.1\r\nhost: example.org\r\n\r\n', 400, 'request-malformed')
})

test('headers over 16 KB are 431', async () => {
  await assertProblem(head(`x-long: ${'a'.repeat(17_000)}\r\ncontent-length: 0`), 431, 'headers-too-large')
  const many = Array.from({ length: 2_000 }, (_value, index) => `x-${index}: aaaa`).join('\r\n')
  await assertProblem(head(many), 431, 'headers-too-large')
})

test('a target over 8 KB is 414, whether it still fits into the headers or not', async () => {
  for (const length of [8_200, 17_000]) {
    await assertProblem(`GET /v1/${'a'.repeat(length)} HTTP/1.1\r\nhost: example.org\r\n\r\n`, 414, 'uri-too-long')
  }
})

test('a streamed body that falls silent is 408, one that nobody reads does no harm', async () => {
  await assertProblem(`${head('transfer-encoding: chunked', '/v1/uploads')}3\r\nabc\r\n`, 408, 'request-timeout')
  const answer = await sendRaw(server.port, `${head('transfer-encoding: chunked', '/v1/ignored')}3\r\nabc\r\n`)
  assert.equal(answer.status, 200)
  await eventually(() => assert.equal(ignored[0]?.destroyed, true))
  assert.equal((await fetch(`${server.url}/health`)).status, 200)
})

test('a streamed body whose reader takes longer than the client may be silent is not cut off', async () => {
  const body = await (await fetch(`${server.url}/v1/pausing`, { method: 'POST', body: 'a'.repeat(90_000) })).json()
  assert.deepEqual(body, { bytes: 90_000 })
})

test('the signal of a request tells that the caller hung up, not that the body was read', async () => {
  const body = await (await fetch(`${server.url}/v1/patient`, { method: 'POST', body: 'abc' })).json()
  assert.deepEqual(body, { aborted: false })
  const leaving = new AbortController()
  const call = fetch(`${server.url}/v1/waiting`, { method: 'POST', body: 'abc', signal: leaving.signal })
  const signal = await waiting.promise
  assert.equal(signal.aborted, false)
  leaving.abort()
  await assert.rejects(call)
  await eventually(() => assert.equal(signal.aborted, true))
})

test('headers and bodies that trickle are 408', async () => {
  await assertProblem('POST /v1/bytes HTTP/1.1\r\nhost: example.org\r\nx-slow: ', 408, 'request-timeout')
  await assertProblem(`${head('content-type: text/plain\r\ncontent-length: 10')}abc`, 408, 'request-timeout')
})

test('a body over the limit is 413 at once, announced or not', async () => {
  await assertProblem(head('content-type: text/plain\r\ncontent-length: 1001'), 413, 'body-too-large')
  const chunk = `3e9\r\n${'a'.repeat(1_001)}\r\n`
  await assertProblem(
    `${head('content-type: text/plain\r\ntransfer-encoding: chunked')}${chunk}`,
    413,
    'body-too-large',
  )
})

test('a streamed body passes in pieces, and is cut off above its limit', async () => {
  const pieces = `64\r\n${'a'.repeat(100)}\r\n`.repeat(3)
  const answer = await sendRaw(server.port, `${head('transfer-encoding: chunked', '/v1/uploads')}${pieces}0\r\n\r\n`)
  assert.deepEqual(JSON.parse(answer.body), { bytes: 300 })
  await assertProblem(head('content-length: 100001', '/v1/uploads'), 413, 'body-too-large')
  const large = `186a1\r\n${'a'.repeat(100_001)}\r\n`
  await assertProblem(`${head('transfer-encoding: chunked', '/v1/uploads')}${large}0\r\n\r\n`, 413, 'body-too-large')
})

test('raw bytes reach the route as they were sent', async () => {
  received.length = 0
  const bytes = Buffer.from(Array.from({ length: 256 }, (_value, index) => index))
  const answer = await sendRaw(
    server.port,
    Buffer.concat([Buffer.from(head('content-type: application/octet-stream\r\ncontent-length: 256')), bytes]),
  )
  assert.deepEqual(JSON.parse(answer.body), { bytes: 256 })
  assert.deepEqual(Buffer.from(received[0] ?? '', 'latin1'), bytes)
})

test('a client that hangs up in the middle of its body leaves no error behind', async () => {
  const linesBefore = server.lines.length
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write(`${head('content-type: text/plain\r\ncontent-length: 10')}abc`, () => {
        socket.destroy()
        resolve()
      })
    })
  })
  assert.equal((await fetch(`${server.url}/health`)).status, 200)
  assert.ok(!server.lines.slice(linesBefore).some((line) => line.includes('request-failed')))
})
