import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { consumer, openRig, recording, session, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({ ownPostgres: true })
})
after(() => rig[Symbol.asyncDispose]())

test('P8: while PostgreSQL is away nothing is dead-lettered or lost; the service says what is missing', async () => {
  await using profile = await rig.start('profile', { handlers: [recording()] })
  const first = session()
  await rig.send(JSON.stringify(first))
  await eventually(async () => assert.equal(await rig.effects(first.id), 1))

  await rig.database.server.process?.kill()
  const events = Array.from({ length: 150 }, () => session())
  for (const event of events) await rig.send(JSON.stringify(event))
  await eventually(() => assert.match(profile.readiness().join(' '), new RegExp(`${consumer}: PostgresUnavailable`)), {
    withinMs: 15_000,
  })
  const during = await rig.admin.consumers.info('INGEST', consumer)
  assert.equal(during.num_ack_pending + during.num_pending, 150)
  await rig.database.server.process?.start()

  await eventually(async () => assert.equal(await rig.effects(), 151), { withinMs: 30_000 })
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
  await eventually(() => assert.deepEqual(profile.readiness(), []), { withinMs: 10_000 })
  assert.deepEqual(await rig.deadLetters(), [])
  assert.deepEqual(await rig.look(`select * from profile.started where attempts > 0`), [])
})
