import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@csr/testkit/eventually'

let edge: ChildProcess
let port: number
let token: string
const sockets = new Set<Socket>()

before(async () => {
  edge = fork(fileURLToPath(new URL('edge-process.ts', import.meta.url)))
  const [ready] = (await once(edge, 'message')) as [{ port: number; token: string }]
  port = ready.port
  token = ready.token
})
after(async () => {
  const ended = once(edge, 'exit')
  edge.kill('SIGKILL')
  await ended
})
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

const host = 'host: example.org\r\n'
const webhook = `POST /v1/webhooks/kintell/0198a000-0000-7000-8000-00000000000b HTTP/1.1\r\n${host}`

type Raw = Socket & { said: string }

/** A connection that keeps what it is told. */
function open(bytes: string | Buffer = ''): Raw {
  const socket = Object.assign(connect(port, '127.0.0.1'), { said: '' })
  sockets.add(socket)
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (socket.said += chunk.toString('latin1')))
  if (bytes.length > 0) socket.write(bytes)
  return socket
}

const statusOf = ({ said }: Raw): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1] ?? 0)

/** Somebody who behaves, on a connection of their own. Resolves to how long it took. */
async function healthy(): Promise<number> {
  const startedMs = performance.now()
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  const answer = await fetch(`http://127.0.0.1:${port}/v1/profiles?limit=5`, {
    headers,
    signal: AbortSignal.timeout(5_000),
  })
  assert.equal(answer.status, 200)
  await answer.arrayBuffer()
  return performance.now() - startedMs
}

/** Behaves again and again while something else goes on; the slowest answer but one in twenty. */
async function healthyWhile(going: () => boolean): Promise<{ readonly p95Ms: number; readonly answered: number }> {
  const tookMs: number[] = []
  while (going() || tookMs.length < 20) tookMs.push(await healthy())
  const sorted = tookMs.toSorted((a, b) => a - b)
  return { p95Ms: sorted[Math.floor(sorted.length * 0.95)] ?? 0, answered: sorted.length }
}

const memoryMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${edge.pid}/status`, 'utf8'))?.[1]) / 1_024

/** What is connected to the port, as the kernel counts it. */
function established(): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  return lines.filter((line) => line.includes(`0100007F${local}`) && / 01 /.test(line) && line.indexOf(local) < 24)
    .length
}

test('2,500 silent connections: never more than 2,000 are open, whoever behaves is served all along, memory stays flat', async () => {
  await healthyWhile(() => false)
  const beforeMb = memoryMb()
  let opened = 0
  const flood = (async () => {
    for (; opened < 2_500; opened += 100) {
      await Promise.all(Array.from({ length: 100 }, () => once(open(), 'connect')))
      assert.ok(established() <= 2_000)
    }
  })()
  const { p95Ms, answered } = await healthyWhile(() => opened < 2_500)
  await flood
  assert.ok(established() <= 2_000, String(established()))
  assert.ok(answered >= 20 && p95Ms < 1_000, `${answered} answers, p95 ${p95Ms.toFixed(0)} ms`)
  await healthyWhile(() => false)
  assert.ok(memoryMb() - beforeMb < 100, `${beforeMb.toFixed(0)} MB before, ${memoryMb().toFixed(0)} MB after`)
  await eventually(() => assert.ok(established() < 200), { withinMs: 10_000, what: 'silent connections end' })
})

test('2,000 connections that were kept alive after an answer give way to new ones', async () => {
  const bytes = `GET /health HTTP/1.1\r\n${host}\r\n`
  const kept: Raw[] = []
  for (let count = 0; count < 2_100; count += 1) {
    const socket = open(bytes)
    kept.push(socket)
    if (count % 50 === 49) await eventually(() => assert.equal(statusOf(socket), 200))
  }
  const { p95Ms } = await healthyWhile(() => false)
  assert.ok(p95Ms < 1_000, `p95 ${p95Ms.toFixed(0)} ms`)
  assert.ok(kept.filter((socket) => statusOf(socket) === 200).length >= 2_000)
})

test('500 clients that send their headers byte by byte are 408, and hold up nobody', async () => {
  const slow = Array.from({ length: 500 }, () => open('GET /v1/profiles HTTP/1.1\r\nhost: example.org\r\nx-slow: '))
  const trickle = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('a')
  }, 200)
  const done = (): boolean => slow.every((socket) => statusOf(socket) !== 0 || socket.destroyed)
  const { p95Ms } = await healthyWhile(() => !done())
  clearInterval(trickle)
  assert.ok(slow.filter((socket) => statusOf(socket) === 408).length >= 450)
  assert.ok(p95Ms < 1_000, `p95 ${p95Ms.toFixed(0)} ms`)
})

test('500 clients that send their bodies byte by byte are 408, and hold up nobody', async () => {
  const slow = Array.from({ length: 500 }, () =>
    open(`${webhook}content-type: application/json\r\ncontent-length: 1000\r\n\r\n{`),
  )
  const trickle = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('a')
  }, 200)
  const done = (): boolean => slow.every((socket) => statusOf(socket) !== 0 || socket.destroyed)
  const { p95Ms } = await healthyWhile(() => !done())
  clearInterval(trickle)
  assert.ok(slow.filter((socket) => statusOf(socket) === 408).length >= 450)
  assert.ok(p95Ms < 1_000, `p95 ${p95Ms.toFixed(0)} ms`)
})

test('oversize everything is refused quickly, one after the other and many at once, in flat memory', async () => {
  const json = 'content-type: application/json\r\n'
  const bearer = `authorization: Bearer ${token}\r\n`
  const scores = `POST /v1/outcomes/scores HTTP/1.1\r\n${host}${bearer}${json}`
  const deep = `{"text":${'['.repeat(5_000)}${']'.repeat(5_000)}}`
  const megabyte = 1_048_576
  const oversize: readonly (readonly [status: number, bytes: string])[] = [
    [431, `GET /v1/profiles HTTP/1.1\r\n${host}x-long: ${'a'.repeat(20_000)}\r\n\r\n`],
    [431, `GET /v1/profiles HTTP/1.1\r\n${host}${'x: a\r\n'.repeat(200)}\r\n`],
    [414, `GET /v1/profiles?x=${'a'.repeat(9_000)} HTTP/1.1\r\n${host}\r\n`],
    [414, `GET /v1/profiles/${'a'.repeat(300)} HTTP/1.1\r\n${host}${bearer}\r\n`],
    [413, `${webhook}${json}content-length: ${megabyte + 1}\r\n\r\n`],
    [413, `${webhook}${json}content-length: 99999999999\r\n\r\n`],
    [
      413,
      `${webhook}${json}transfer-encoding: chunked\r\n\r\n${(megabyte + 1).toString(16)}\r\n${'a'.repeat(megabyte + 1)}\r\n`,
    ],
    [422, `${scores}content-length: ${deep.length}\r\n\r\n${deep}`],
    [415, `${scores}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc`],
    [400, `${scores}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n`],
  ]
  const all = async (): Promise<void> => {
    const asked = oversize.map(([status, bytes]) => ({ status, socket: open(bytes) }))
    await eventually(() => {
      for (const { status, socket } of asked) assert.equal(statusOf(socket), status)
    })
    for (const { socket } of asked) socket.destroy()
  }
  for (let round = 0; round < 5; round += 1) await all()
  const beforeMb = memoryMb()
  const startedMs = performance.now()
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 5 }, all))
  assert.ok(performance.now() - startedMs < 20_000)
  await healthyWhile(() => false)
  assert.ok(memoryMb() - beforeMb < 100, `${beforeMb.toFixed(0)} MB before, ${memoryMb().toFixed(0)} MB after`)
})

test('what is hidden behind an ambiguous or broken request never reaches a service', async () => {
  const forwarded = async (): Promise<number> => {
    edge.send('how many?')
    const [{ forwarded: count }] = (await once(edge, 'message')) as [{ forwarded: number }]
    return count
  }
  const countBefore = await forwarded()
  const hidden = `GET /v1/profiles HTTP/1.1\r\n${host}authorization: Bearer ${token}\r\n\r\n`
  const fronts = [
    `content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n`,
    `transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n`,
    `transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`,
    `content-length: 0\r\ncontent-length: 5\r\n\r\n`,
    `transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\n0;\r\n\n\r\n`,
    `content-length : 0\r\n\r\n`,
    `content-length: 0\r\n\n\r\n`,
    `x: a\n b\r\ncontent-length: 0\r\n\r\n`,
    `x\u000b: a\r\ncontent-length: 0\r\n\r\n`,
    `host: other.example\r\ncontent-length: 0\r\n\r\n`,
  ]
  for (const front of fronts) {
    const socket = open(`${webhook}content-type: text/plain\r\n${front}${hidden}`)
    await eventually(() => assert.notEqual(statusOf(socket), 0, front))
    await eventually(() => assert.ok(socket.readableEnded || socket.destroyed || statusOf(socket) >= 400, front))
    assert.ok(statusOf(socket) >= 400, front)
    assert.equal(await forwarded(), countBefore, JSON.stringify(front))
  }
  await healthy()
  assert.equal(await forwarded(), countBefore + 1)
})
