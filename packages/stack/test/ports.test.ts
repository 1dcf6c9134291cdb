import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { claimPorts } from '@csr/testkit/port-block'
import { serverPorts, servicePorts } from '../src/ports.ts'
import { Refusal } from '../src/refusal.ts'
import { freePort } from '../src/servers/ports.ts'

test('a port in use is named together with the way out', async () => {
  const base = await freePort()
  await using holder = await listen(base + 1)
  await assert.rejects(
    servicePorts(base),
    (error) =>
      error instanceof Refusal &&
      error.message.includes(`Port ${base + 1} (profile)`) &&
      error.message.includes('--port-base'),
  )
  assert.ok(holder)
})

test('a port that fetch refuses to call is refused before anything starts', async () => {
  const refused = 10_080
  await assert.rejects(fetch(`http://127.0.0.1:${refused}`), ({ cause }) => (cause as Error).message === 'bad port')
  await assert.rejects(
    servicePorts(refused - 1),
    (error) => error instanceof Refusal && error.message.includes(`Port ${refused} (profile)`),
  )
})

test('further replicas listen ten above the one before, and the last port there is is the limit', async () => {
  using ports = await claimPorts(2)
  const { services, gatewayMetrics } = await servicePorts(ports.base, 2)
  assert.deepEqual(services.gateway, [ports.base, ports.base + 10])
  assert.deepEqual(services.audit, [ports.base + 6, ports.base + 16])
  assert.deepEqual(gatewayMetrics, [ports.base + 7, ports.base + 17])
  await assert.rejects(servicePorts(65_528, 2), /--port-base is 65518 at most/)
})

test('nodes of a cluster have three ports each, and keep them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-ports-'))
  const file = join(folder, 'ports.json')
  const { nats } = await serverPorts(file, 3)
  assert.equal(new Set(nats.flatMap(({ client, monitor, routes }) => [client, monitor, routes])).size, 9)
  assert.deepEqual((await serverPorts(file, 3)).nats, nats)
  assert.equal((await serverPorts(file)).nats[0]?.client, nats[0]?.client)
  rmSync(folder, { recursive: true })
})

test('the servers get the ports of the last start again, and others where those are taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-ports-'))
  const file = join(folder, 'ports.json')
  const first = await serverPorts(file)
  const [node] = first.nats
  assert.equal(new Set([first.postgres, node?.client, node?.monitor]).size, 3)
  assert.deepEqual(await serverPorts(file), first)
  {
    await using holder = await listen(first.postgres)
    assert.ok(holder)
    const moved = await serverPorts(file)
    assert.notEqual(moved.postgres, first.postgres)
    assert.deepEqual(moved.nats, first.nats)
  }
  rmSync(folder, { recursive: true })
})

async function listen(port: number): Promise<AsyncDisposable> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))) }
}
