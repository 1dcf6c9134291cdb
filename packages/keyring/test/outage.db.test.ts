import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import type { Keyring } from '../src/keyring.ts'
import { newId, openKeyrings, type TestKeyrings } from './open-keyrings.ts'

let keyrings: TestKeyrings
before(async () => {
  keyrings = await openKeyrings({ server: 'own' })
})
after(async () => {
  await keyrings[Symbol.asyncDispose]()
})

const known = { email: 'participant-1@example.org' }
const unknown = { email: 'participant-2@example.org' }

async function assertUnavailable(call: Promise<unknown>): Promise<void> {
  const startMs = performance.now()
  await assert.rejects(call, { name: 'KeyringUnavailable' })
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 2_000, `took ${tookMs} ms`)
}

/** Every call that has to ask the store. */
const asking = (keyring: Keyring, tenantId: string): Promise<unknown>[] => [
  keyring.resolveSubjects(tenantId, [unknown]),
  keyring.findSubject(tenantId, unknown),
  keyring.load(tenantId, [newId()]),
  keyring.createRecordKeys(tenantId, [newId()]),
  keyring.destroyKeys(tenantId, [newId()]),
  keyring.eraseSubject(tenantId, newId()),
  keyring.createTenant(newId()),
]

test('P8: while the store is down what is fresh in memory is answered for 15 s, everything else is unavailable within 2 s', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const { subjectIds } = await ingest.resolveSubjects(tenantId, [known])
  await keyrings.database.server.process?.kill()
  assert.deepEqual((await ingest.resolveSubjects(tenantId, [known])).subjectIds, subjectIds)
  const { keys } = await ingest.resolveSubjects(tenantId, [known])
  assert.ok(keys.seal(subjectIds[0] as string, { field: 'f', row: 'r' }, 'x'))
  await Promise.all(asking(ingest, tenantId).map(assertUnavailable))
  await Promise.all(asking(keyrings.open('ingest'), tenantId).map(assertUnavailable))
  keyrings.clock.advanceMs(15_000)
  await assertUnavailable(ingest.resolveSubjects(tenantId, [known]))
  await assertUnavailable(ingest.load(tenantId, subjectIds))

  await keyrings.database.server.process?.start()
  const back = await eventually(() => ingest.resolveSubjects(tenantId, [known, unknown]), { withinMs: 10_000 })
  assert.equal(back.subjectIds[0], subjectIds[0])
})

test('P8: a store that accepts connections and never answers is unavailable within 2 s, for those who queue as well', async () => {
  await using silent = await openSilentServer()
  const keyring = keyrings.open('ingest', { keysUrl: `postgres://csr_ingest:x@127.0.0.1:${silent.port}/csr_keys` })
  const tenantId = newId()
  const calls = Array.from({ length: 20 }, () => asking(keyring, tenantId)).flat()
  await Promise.all(calls.map(assertUnavailable))
  assert.equal(keyring.readiness?.().ready, false)
})

async function openSilentServer(): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
