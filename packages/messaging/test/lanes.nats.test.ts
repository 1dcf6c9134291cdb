import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createEvent } from '@csr/contracts/events/create-event'
import type { Event } from '@csr/contracts/events/envelope'
import { on, type Writes } from '@csr/messaging/consume'
import { eventually } from '@csr/testkit/eventually'
import { clock, consumer, effect, ids, openRig, session, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig[Symbol.asyncDispose]())

/** What the handler announces about an event it has taken in. */
function profileCreated(cause: Event): Event {
  const about = { id: ids.uuid(), time: clock.now(), tenantId: cause.tenantid, subject: cause.subject }
  return createEvent('profile.profile.created.v1', { ...about, causationId: cause.id }, { subjectId: cause.subject })
}

const announcing = on('ingest.session.completed', async (_tenant, events): Promise<Writes> => ({
  statements: events.map(effect),
  events: events.map(profileCreated),
}))

const storedIn = async (stream: string): Promise<number> => (await rig.admin.streams.info(stream)).state.messages

test('an event travels on the lane of the one that caused it', async () => {
  await using ingest = await rig.start('ingest')
  await using _profile = await rig.start('profile', { handlers: [announcing] })
  await ingest.publish([session(), session()], 'bulk')
  await eventually(async () => assert.equal(await storedIn('PROFILE_BULK'), 2), { withinMs: 20_000 })
  assert.equal(await storedIn('PROFILE'), 0)
  await ingest.publish([session()])
  await eventually(async () => assert.equal(await storedIn('PROFILE'), 1), { withinMs: 20_000 })
  assert.equal(await storedIn('PROFILE_BULK'), 2)
})

test('what a service without a bulk lane announces about bulk is live, and leaves its outbox', async () => {
  await using audit = await rig.start('audit')
  const at = {
    id: ids.uuid(),
    time: clock.now(),
    tenantId: session().tenantid,
    subject: ids.uuid(),
    causationId: 'test',
  }
  const part = { exportId: ids.uuid(), subjectId: at.subject, part: 1, parts: 1, content: '{}' }
  await audit.publish([createEvent('audit.export.contributed.v1', at, part)], 'bulk')
  await eventually(async () => assert.equal(await storedIn('AUDIT'), 1), { withinMs: 20_000 })
})

test('a live event overtakes a bulk lane that is full', async () => {
  const order: string[] = []
  const noting = on('ingest.session.completed', async (_tenant, events): Promise<Writes> => {
    order.push(...events.map(({ id }) => id))
    return { statements: events.map(effect), events: [] }
  })
  await using ingest = await rig.start('ingest')
  const rows = Array.from({ length: 1_500 }, () => session())
  await ingest.publish(rows, 'bulk')
  const webhook = session()
  await ingest.publish([webhook])
  await eventually(
    async () => {
      assert.ok((await rig.admin.consumers.info('INGEST_BULK', `${consumer}-bulk`)).num_pending >= rows.length)
      assert.ok((await rig.admin.consumers.info('INGEST', consumer)).num_pending >= 1)
    },
    { withinMs: 20_000 },
  )
  await using _profile = await rig.start('profile', { handlers: [noting] })
  await eventually(async () => assert.equal(await rig.effects(webhook.id), 1), { withinMs: 20_000 })
  await eventually(() => assert.equal(order.length, rows.length + 1), { withinMs: 30_000 })
  // four groups of 100 may have been taken before the live durable answered
  assert.ok(order.indexOf(webhook.id) <= 400, `it came at place ${order.indexOf(webhook.id)}`)
})
