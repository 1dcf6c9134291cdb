import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHealth, inOrder, type Readiness } from '@csr/runtime/lifecycle'
import { createProbeServer } from '@csr/runtime/probe-server'
import { createTelemetry } from '@csr/runtime/telemetry'

test('a process without routes tells whether it lives, what it misses and what it counted, and nothing else', async () => {
  let readiness: Readiness = { ready: false, missing: 'streams' }
  const health = createHealth()
  const telemetry = createTelemetry('keeper')
  telemetry.counter('rounds_total', 'Rounds').add(3)
  const probes = createProbeServer({ name: 'keeper', host: '127.0.0.1', port: 0, health, telemetry })
  const work = { name: 'work', readiness: () => readiness, [Symbol.asyncDispose]: async () => {} }
  await using process = inOrder('keeper', health, [probes, work])
  await process.start()
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`${probes.address}${path}`)
    return [response.status, await response.text()]
  }
  assert.deepEqual(await get('/health/readiness'), [503, '{"service":"keeper","ready":false,"missing":["streams"]}'])
  readiness = { ready: true }
  assert.equal((await get('/health/readiness'))[0], 200)
  assert.equal((await get('/health/liveness'))[0], 200)
  assert.match((await get('/metrics'))[1], /^rounds_total\{service="keeper"\} 3$/m)
  for (const path of ['/', '/metrics/', '//metrics', '/metrics?x']) assert.equal((await get(path))[0], 404, path)
})

test('a port in use is an error at the start', async () => {
  const place = { name: 'keeper', host: '127.0.0.1', health: createHealth(), telemetry: createTelemetry('keeper') }
  await using first = createProbeServer({ ...place, port: 0 })
  await first.start?.()
  await using second = createProbeServer({ ...place, port: Number(new URL(first.address).port) })
  await assert.rejects(async () => await second.start?.(), { code: 'EADDRINUSE' })
})
