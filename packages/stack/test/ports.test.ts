import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
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

test('the servers get the ports of the last start again, and others where those are taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-ports-'))
  const file = join(folder, 'ports.json')
  const first = await serverPorts(file)
  assert.equal(new Set(Object.values(first)).size, 3)
  assert.deepEqual(await serverPorts(file), first)
  {
    await using holder = await listen(first.postgres)
    assert.ok(holder)
    const moved = await serverPorts(file)
    assert.notEqual(moved.postgres, first.postgres)
    assert.equal(moved.nats, first.nats)
  }
  rmSync(folder, { recursive: true })
})

async function listen(port: number): Promise<AsyncDisposable> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))) }
}
