import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '@csr/testkit/eventually'
import { openEdge, type Edge } from './edge.ts'
import { recordingService } from './recording-service.ts'

/** Connections to one replica at most, as the README of @csr/http says. */
const bulkhead = 64
const hangingCalls = 200
/** Below this nobody can tell a doubling from the noise of a machine that does other things too. */
const noiseMs = 8

type Hanging = AsyncDisposable & { readonly url: string; mostOpen(): number; recover(): void }

/** A service that accepts connections, reads requests, and answers none until it has recovered. */
async function hangingService(): Promise<Hanging> {
  const sockets = new Set<Socket>()
  let most = 0
  let answers = false
  const server = createServer((_request, response: ServerResponse) => void (answers && response.end('{"items":[]}')))
  server.on('connection', (socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mostOpen: () => most,
    recover: () => void (answers = true),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Caller = (path: string) => Promise<{ status: number; retryAfter: string | null; tookMs: number }>

async function callerOf(edge: Edge): Promise<Caller> {
  const headers = { authorization: `Bearer ${await edge.tokenOf('company_admin')}` }
  return async (path) => {
    const startedMs = performance.now()
    const answer = await fetch(`${edge.url}${path}`, { headers })
    await answer.arrayBuffer()
    const tookMs = performance.now() - startedMs
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), tookMs }
  }
}

/** 95th percentile over two seconds of steady calls, all of which have to succeed. */
async function p95Of(call: Caller, path: string): Promise<number> {
  const endsMs = performance.now() + 2_000
  const took: number[] = []
  const worker = async (): Promise<void> => {
    while (performance.now() < endsMs) {
      const { status, tookMs } = await call(path)
      assert.equal(status, 200)
      took.push(tookMs)
      await pause(5)
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.95)] ?? Number.NaN
}

test('P8: 200 calls to a service that never answers take its bulkhead and nothing else, and it is back at once', async (t) => {
  await using hanging = await hangingService()
  await using others = await recordingService()
  await using edge = await openEdge((service) => (service === 'profile' ? hanging.url : others.url))
  const call = await callerOf(edge)
  await p95Of(call, '/v1/outcomes/summary')
  const quietMs = await p95Of(call, '/v1/outcomes/summary')

  const calls = Array.from({ length: hangingCalls }, () => call('/v1/profiles'))
  const meanwhileMs = await p95Of(call, '/v1/outcomes/summary')
  for (const { status, retryAfter, tookMs } of await Promise.all(calls)) {
    assert.deepEqual([status, retryAfter], [503, '1'])
    assert.ok(tookMs < 3_500, `${tookMs} ms`)
  }
  assert.ok(hanging.mostOpen() <= bulkhead, `${hanging.mostOpen()} connections`)
  assert.ok(meanwhileMs <= Math.max(2 * quietMs, noiseMs), `p95 of others: ${quietMs} ms, then ${meanwhileMs} ms`)

  const refused = await call('/v1/profiles')
  assert.equal(refused.status, 503)
  assert.ok(refused.tookMs < 100, `open, it refuses at once: ${refused.tookMs} ms`)

  hanging.recover()
  const recoveredMs = performance.now()
  await eventually(async () => assert.equal((await call('/v1/profiles')).status, 200), { withinMs: 15_000 })
  t.diagnostic(
    `${hanging.mostOpen()} connections; p95 of others ${quietMs.toFixed(1)} ms, then ${meanwhileMs.toFixed(1)} ms; ` +
      `recovered in ${((performance.now() - recoveredMs) / 1_000).toFixed(1)} s`,
  )
})
