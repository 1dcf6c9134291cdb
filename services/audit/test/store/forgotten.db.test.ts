import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ReplaySettled } from '@csr/contracts/events/audit'
import { createEvent } from '@csr/contracts/events/create-event'
import type { PayloadForm } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import { insertEvents } from '@csr/messaging/outbox'
import { createPostgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase } from '@csr/testkit/database'
import { fakeClock } from '@csr/testkit/fake-clock'
import { createDeadLetterStore } from '../../src/store/dead-letter-store.ts'
import { createReplayStore } from '../../src/store/replay-store.ts'

/* What was sealed under a key of its own: whatever ends the entry has the key destroyed, in the transaction of the end. */
const database = await privateDatabase()
const logger = createLogger({ service: 'audit', destination: { write: () => undefined } })
const urls = { url: database.url('csr_audit'), workerUrl: database.url('csr_audit_worker') }
const postgres = createPostgres({ name: 'audit', ...urls, logger })
await postgres.start?.()
const clock = fakeClock()
const ids = createIds(clock)
const stamp = () => ({ id: ids.uuid(), time: clock.now() })
const wake = () => undefined
const deadLetters = createDeadLetterStore({ postgres, stamp, wake })
const replays = createReplayStore({ postgres, stamp, wake })
const asker = { actorId: 'operator', requestId: 'request-1' }
const tenants = [ids.uuid(), ids.uuid()] as const
const dayMs = 86_400_000
after(async () => {
  await postgres[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

async function keep(form: PayloadForm, tenantId: string = tenants[0]): Promise<string> {
  const [eventId, at] = [ids.uuid(), clock.now()]
  const letter = createEvent(
    'dead-letter.profile.v1',
    { ...stamp(), tenantId, subject: eventId, causationId: eventId },
    {
      ...{ consumer: 'profile-on-session-completed', topic: 'ingest.session.completed.v1', stream: 'INGEST' },
      ...{ epoch: 'epoch', sequence: 1, eventId, reason: 'undecodable', code: 'json-invalid', attempts: 0 },
      ...{ firstAt: at, lastAt: at, traceparent: null, fingerprint: 'group-1', form, bytes: 2 },
      payload: form === 'left' ? '' : 'the message',
    },
  )
  await postgres.group(tenantId, [deadLetters.keep([letter])])
  return letter.id
}

async function answer(deadLetterId: string, outcome: ReplaySettled['outcome']): Promise<void> {
  const asked = await replays.replay(deadLetterId, asker)
  assert.ok(asked.outcome === 'done')
  const failed = { reason: 'undecodable', code: 'json-invalid', attempts: 1, fingerprint: 'group-1' } as const
  const about = { ...stamp(), tenantId: tenants[0], subject: deadLetterId, causationId: asked.act.id }
  const consumer = 'profile-on-session-completed'
  const data = { deadLetterId, consumer, outcome, failure: outcome === 'failed' ? failed : null }
  const answers = [createEvent('profile.replay.settled.v1', about, data)]
  const events = await replays.forget(tenants[0], answers)
  await postgres.group(tenants[0], [replays.settle(answers), insertEvents('audit', events)])
}

async function forgotten(): Promise<string[]> {
  const [rows] = await postgres.worker([
    statement<{ payload: string }>(
      `select payload from audit.outbox where topic = 'audit.dead-letter.forgotten.v1' order by id`,
    ),
  ])
  return rows.map(({ payload }) => (JSON.parse(payload) as Event).subject)
}

async function payloadOf(id: string): Promise<string | undefined> {
  const [[row]] = await postgres.worker([
    statement<{ payload: string }>('select payload from audit.dead_letters where id = $1::uuid', [id]),
  ])
  return row?.payload
}

test('P4: a sealed dead letter that is discarded or took effect has its key destroyed, one that failed again keeps it', async () => {
  const [discarded, effective, failed] = [await keep('sealed'), await keep('sealed'), await keep('sealed')]
  const others = [await keep('received'), await keep('left')]
  for (const id of [discarded, ...others]) await replays.discard(id, asker, 'a reason')
  assert.deepEqual(await forgotten(), [discarded])
  await answer(failed, 'failed')
  await answer(effective, 'effective')
  await answer(effective, 'already-effective')
  assert.deepEqual(await forgotten(), [discarded, effective])
  assert.deepEqual([await payloadOf(effective), await payloadOf(failed)], ['', 'the message'])
})

test('P4: a sealed dead letter whose thirty days are over goes with its key, in every tenant', async () => {
  const known = await forgotten()
  const sealed = [await keep('sealed'), await keep('sealed', tenants[1])]
  const received = await keep('received')
  clock.advanceMs(31 * dayMs)
  const young = await keep('sealed')
  await deadLetters.expire(clock.nowMs() - 30 * dayMs)
  const added = (await forgotten()).filter((id) => !known.includes(id))
  for (const id of sealed) assert.equal(added.filter((one) => one === id).length, 1)
  assert.ok(!added.includes(young))
  for (const id of [...sealed, received]) assert.equal(await payloadOf(id), undefined)
  assert.equal(await payloadOf(young), 'the message')
})

test('P4: an entry is not removed before the request to destroy its key is committed', async () => {
  const id = await keep('sealed')
  clock.advanceMs(31 * dayMs)
  const dying = createDeadLetterStore({
    postgres: { worker: postgres.worker, group: () => Promise.reject(new Error('killed')) },
    stamp,
    wake,
  })
  await assert.rejects(dying.expire(clock.nowMs() - 30 * dayMs), /killed/)
  assert.equal(await payloadOf(id), 'the message')
  await deadLetters.expire(clock.nowMs() - 30 * dayMs)
  assert.equal(await payloadOf(id), undefined)
  assert.equal((await forgotten()).filter((one) => one === id).length, 1)
})
