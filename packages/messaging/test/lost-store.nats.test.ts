import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Event } from '@csr/contracts/events/envelope'
import { insertEvents } from '@csr/messaging/outbox'
import { keepStreams } from '@csr/messaging/keeper'
import { createLogger } from '@csr/runtime/logger'
import { eventually } from '@csr/testkit/eventually'
import { openRig, recording, session, tenantId, type Rig, type RunningService } from './rig.ts'

let rig: Rig
let keeper: ReturnType<typeof keepStreams>
before(async () => {
  rig = await openRig()
  keeper = keepStreams({
    natsUrl: rig.nats.url,
    adminCredentialsFile: rig.nats.credentialsFile('admin'),
    logger: createLogger({ service: 'keeper', level: 'error', destination: { write: () => undefined } }),
  })
  await keeper.start?.()
})
after(async () => {
  await keeper[Symbol.asyncDispose]()
  await rig[Symbol.asyncDispose]()
})

const write = (ingest: RunningService, events: readonly Event[]) =>
  eventually(async () => {
    await ingest.postgres.group(tenantId, [insertEvents('ingest', events)])
    await ingest.publish([])
  })
const effective = (events: readonly Event[]) =>
  eventually(async () => assert.equal(await rig.effects(), events.length), { withinMs: 60_000, what: 'all effects' })
const sessions = (count: number): Event[] => Array.from({ length: count }, () => session())

test('P2: a server that lost its whole store gets everything again, and nothing happens twice', async () => {
  await using ingest = await rig.start('ingest')
  const events = sessions(60)
  await write(ingest, events)
  {
    await using _profile = await rig.start('profile', { handlers: [recording()] })
    await effective(events)
  }
  const unseen = sessions(40)
  await write(ingest, unseen)
  await eventually(async () =>
    assert.deepEqual(await rig.look(`select id from ingest.outbox where sequence is null`, [], 'ingest'), []),
  )
  await rig.nats.kill()
  rig.nats.loseStore()
  await rig.nats.start()

  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await effective([...events, ...unseen])
  for (const event of [...events, ...unseen]) assert.equal(await rig.effects(event.id), 1)
  assert.match(await ingest.exposition(), /outbox_republished_total\{[^}]*\} 100/)
})

test('P2: a stream that lost its end gets it again, although its durable had read further', async () => {
  await using ingest = await rig.start('ingest')
  const profile = await rig.start('profile', { handlers: [recording()] })
  const soFar = await rig.effects()
  await rig.nats.stop()
  const store = join(rig.nats.storeDir, 'jetstream', '$G', 'streams', 'INGEST', 'msgs')
  cpSync(store, `${rig.nats.storeDir}-older`, { recursive: true })
  await rig.nats.start()
  const consumed = sessions(30)
  await write(ingest, consumed)
  await eventually(async () => assert.equal(await rig.effects(), soFar + 30), { withinMs: 30_000 })
  await profile[Symbol.asyncDispose]()

  await rig.nats.stop()
  rmSync(store, { recursive: true })
  cpSync(`${rig.nats.storeDir}-older`, store, { recursive: true })
  await rig.nats.start()
  const later = sessions(10)
  await write(ingest, later)
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await eventually(async () => assert.equal(await rig.effects(), soFar + 40), { withinMs: 60_000 })
  for (const event of [...consumed, ...later]) assert.equal(await rig.effects(event.id), 1)
})
