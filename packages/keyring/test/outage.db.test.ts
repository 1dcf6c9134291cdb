import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
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

test('P8: who queues behind a flush that hangs is told within 2 s as well', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  await using relay = await openRelay(Number(new URL(keyrings.database.keysUrl('csr_ingest')).port))
  const url = new URL(keyrings.database.keysUrl('csr_ingest'))
  url.port = String(relay.port)
  const keyring = keyrings.open('ingest', { keysUrl: url.href })
  await eventually(() => keyring.resolveSubjects(tenantId, [known]))
  relay.silence()
  const first = assertUnavailable(keyring.resolveSubjects(tenantId, [unknown]))
  await eventually(() => assert.ok(relay.swallowed() > 0))
  const queued = Array.from({ length: 500 }, (_, number) =>
    assertUnavailable(keyring.resolveSubjects(tenantId, [{ email: `participant-${number + 3}@example.org` }])),
  )
  await Promise.all([first, ...queued])
  assert.equal(await ingest.findSubject(tenantId, { email: 'participant-3@example.org' }), null)
})

/** Passes everything on to a port of this machine until it is silenced; then it swallows everything. */
async function openRelay(toPort: number) {
  let silenced = false
  let swallowed = 0
  const sockets = new Set<Socket>()
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('error', () => to.destroy()).on('close', () => to.destroy())
    from.on('data', (bytes) => void (silenced ? (swallowed += bytes.length) : to.write(bytes)))
  }
  const server = createServer((socket) => {
    const onward = connect(toPort, '127.0.0.1')
    join(socket, onward)
    join(onward, socket)
  })
  return {
    ...(await listen(server, sockets)),
    silence: () => void (silenced = true),
    swallowed: () => swallowed,
  }
}

/** Accepts connections and never says a word. */
function openSilentServer() {
  const sockets = new Set<Socket>()
  return listen(
    createServer((socket) => void sockets.add(socket.on('error', () => undefined))),
    sockets,
  )
}

async function listen(server: Server, sockets: ReadonlySet<Socket>): Promise<AsyncDisposable & { port: number }> {
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
