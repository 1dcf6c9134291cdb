import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as listenRaw, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createTelemetry } from '@csr/runtime/telemetry'
import { eventually } from '@csr/testkit/eventually'
import { createUpstream, type Upstream } from '../src/upstream.ts'
import { quietLogger } from './running-server.ts'

const requestId = '0198a000-0000-7000-8000-00000000000d'

/** Stands in for one replica: counts its calls, answers as told, says whether it is ready. */
class Stand implements AsyncDisposable {
  calls: { readonly method: string; readonly leftMs: number; readonly body: string }[] = []
  isReady = true
  answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => void response.end('{}')
  #server: Server | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async listen(): Promise<this> {
    this.#server = createServer((request, response) => void this.#receive(request, response))
    await new Promise<void>((resolve) => this.#server?.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise((resolve) => this.#server?.close(resolve))
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/health/readiness') return void response.writeHead(this.isReady ? 200 : 503).end('{}')
    const body = Buffer.concat(await request.toArray()).toString()
    this.calls.push({ method: request.method ?? '', leftMs: Number(request.headers['x-deadline-ms']), body })
    this.answer(response, request)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function open(replicas: readonly { url: string }[], options: { connectionsMax?: number } = {}) {
  const telemetry = createTelemetry('test')
  const upstream = createUpstream({
    service: 'profile',
    urls: replicas.map(({ url }) => url),
    tokens: { tokenFor: () => 'token' },
    logger: quietLogger(),
    telemetry,
    ...options,
  })
  await upstream.start?.()
  return Object.assign(upstream, { telemetry })
}

const get = (upstream: Upstream, deadlineMs = 2_500) =>
  upstream.call({ method: 'GET', path: '/', requestId, deadlineMs })
const post = (upstream: Upstream, body: string | Readable = 'x') =>
  upstream.call({ method: 'POST', path: '/', requestId, body })
const statusOf = (call: Promise<{ status: number }>) =>
  call.then(
    ({ status }) => status,
    () => 0,
  )

test('calls are spread over all replicas, and a slow one gets fewer', async () => {
  await using first = await new Stand().listen()
  await using second = await new Stand().listen()
  await using upstream = await open([first, second])
  for (let call = 0; call < 100; call += 1) await get(upstream)
  assert.deepEqual([first.calls.length, second.calls.length], [50, 50])
  first.answer = (response) => void setTimeout(() => response.end('{}'), 200)
  const worker = async (): Promise<void> => {
    for (let call = 0; call < 10; call += 1) await get(upstream)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  assert.ok(first.calls.length - 50 < 25, `the slow one got ${first.calls.length - 50} of 80`)
})

test('P8: what never reached a replica goes to another one, whatever it is; who is back gets calls again', async () => {
  await using first = await new Stand().listen()
  await using second = await new Stand().listen()
  await using upstream = await open([first, second])
  await first.close()
  for (let call = 0; call < 10; call += 1) assert.equal((await post(upstream, `body ${call}`)).status, 200)
  const streamed = await post(upstream, Readable.from([Buffer.from('in '), Buffer.from('pieces')]))
  assert.equal(streamed.status, 200)
  assert.deepEqual(
    second.calls.map(({ body }) => body),
    [...Array.from({ length: 10 }, (_, call) => `body ${call}`), 'in pieces'],
  )
  await first.listen()
  await eventually(async () => {
    await post(upstream)
    assert.ok(first.calls.length > 0)
  })
})

test('a streamed body reaches the other replica whole although its connection is the first to be refused', async () => {
  await using nobody = await new Stand().listen()
  await using second = await new Stand().listen()
  await nobody.close()
  for (let round = 0; round < 4; round += 1) {
    await using upstream = await open([nobody, second])
    const large = Buffer.alloc(300_000, 'abc')
    const body = Readable.from([large.subarray(0, 100_000), large.subarray(100_000)])
    assert.equal((await post(upstream, body)).status, 200)
    assert.equal(second.calls.at(-1)?.body.length, 300_000)
  }
})

test('a replica that is not ready gets no calls, and all do where none is ready', async () => {
  await using first = await new Stand().listen()
  await using second = await new Stand().listen()
  await using upstream = await open([first, second])
  const share = async (): Promise<[boolean, boolean]> => {
    first.calls = []
    second.calls = []
    for (let call = 0; call < 20; call += 1) await get(upstream)
    return [first.calls.length > 0, second.calls.length > 0]
  }
  first.isReady = false
  await eventually(async () => assert.deepEqual(await share(), [false, true]))
  second.isReady = false
  await eventually(async () => assert.deepEqual(await share(), [true, true]))
  second.isReady = true
  await eventually(async () => assert.deepEqual(await share(), [false, true]))
})

test('P8: a replica that accepts and never answers is left alone within 2 s, and calls are answered by the others', async () => {
  await using healthy = await new Stand().listen()
  await using hung = await openHung()
  await using upstream = await open([hung, healthy])
  const startedMs = performance.now()
  await eventually(async () => {
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(get(upstream, 250))))
    assert.deepEqual(statuses, Array(20).fill(200))
  })
  assert.ok(performance.now() - startedMs < 3_000)
})

test('P8: 200 calls to an upstream that never answers hold no more connections than the bulkhead has', async () => {
  await using hung = await openHung()
  await using upstream = await open([hung], { connectionsMax: 16 })
  const statuses = await Promise.all(Array.from({ length: 200 }, () => statusOf(get(upstream, 400))))
  assert.deepEqual(new Set(statuses), new Set([0]))
  assert.equal(hung.mostOpen(), 16)
})

test('of calls whose connection is lost at most a tenth is sent again, and no call that may have had an effect', async () => {
  await using first = await new Stand().listen()
  await using second = await new Stand().listen()
  await using upstream = await open([first, second])
  const lose = (_response: ServerResponse, request: IncomingMessage): void => void request.socket.destroy()
  first.answer = lose
  second.answer = lose
  assert.equal(await statusOf(post(upstream)), 0)
  assert.equal(first.calls.length + second.calls.length, 1)
  let sent = 0
  for (let call = 0; call < 100; call += 1) {
    // one in four is lost, so that no breaker opens
    first.answer = second.answer = call % 4 === 3 ? lose : (response) => void response.end('{}')
    await statusOf(get(upstream))
    sent += 1
  }
  const again = first.calls.length + second.calls.length - 1 - sent
  assert.ok(again > 0 && again <= 10 + sent / 10, `${again} of ${sent} were sent again`)
  assert.match(await upstream.telemetry.exposition(), new RegExp(`upstream_retries_total\\{[^}]*\\} ${again}\n`))
})

test('a call that is sent again carries the time that is left, not a new deadline', async () => {
  await using first = await new Stand().listen()
  await using second = await new Stand().listen()
  await using upstream = await open([first, second])
  let lost = 0
  const loseFirst = (response: ServerResponse, request: IncomingMessage): void => {
    if (lost++ === 0) setTimeout(() => request.socket.destroy(), 300)
    else response.end('{}')
  }
  first.answer = second.answer = loseFirst
  assert.equal((await get(upstream, 1_000)).status, 200)
  const [before = 0, after = 0] = [...first.calls, ...second.calls]
    .map(({ leftMs }) => leftMs)
    .toSorted((a, b) => b - a)
  assert.ok(before > 900 && after > 0 && after <= 720, `${before} ms, then ${after} ms`)
})

/** Accepts connections and says nothing. */
async function openHung(): Promise<AsyncDisposable & { readonly url: string; mostOpen(): number }> {
  const sockets = new Set<Socket>()
  let most = 0
  const server = listenRaw((socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mostOpen: () => most,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
