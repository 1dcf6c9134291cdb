import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Event } from '@csr/contracts/events/envelope'
import type { Lane } from '@csr/contracts/streams'
import { insertEvents } from '@csr/messaging/outbox'
import { arrayOf } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import { eventually } from '@csr/testkit/eventually'
import { clock, openRig, session, tenantId, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig[Symbol.asyncDispose]())

const unsent = async (lane?: Lane): Promise<number> => {
  const [row] = await rig.look<{ count: number }>(
    `select count(*) as count from ingest.outbox where sequence is null and lane = coalesce($1, lane)`,
    [lane ?? null],
    'ingest',
  )
  return row?.count ?? -1
}
const drained = (withinMs = 10_000) =>
  eventually(async () => assert.equal(await unsent(), 0), { withinMs, what: 'the outbox being empty' })

test('P3: what is committed to the outbox reaches its stream byte for byte and is marked with its place', async () => {
  await using ingest = await rig.start('ingest')
  const event = session({ sourceId: 'ünïcødé \\ " \u0000 {}' })
  await ingest.publish([event])
  await drained()

  const [row] = await rig.look<{ epoch: string; sequence: number; payload: string }>(
    `select epoch, sequence, payload from ingest.outbox where id = $1`,
    [event.id],
    'ingest',
  )
  const message = await rig.admin.streams.getMessage('INGEST', { seq: row?.sequence ?? 0 })
  assert.equal(message?.string(), row?.payload)
  assert.deepEqual(message?.json(), event)
  assert.equal(message?.header.get('Nats-Msg-Id'), event.id)
  assert.equal(message?.subject, event.type)
  const { config } = await rig.admin.streams.info('INGEST')
  assert.equal(row?.epoch, config.metadata?.['csr-epoch'])
})

test('many events of one commit are stored in batches, each marked with its own place', async () => {
  await using ingest = await rig.start('ingest')
  const events = Array.from({ length: 300 }, () => session())
  await eventually(() => ingest.postgres.group(tenantId, [insertEvents('ingest', events)]))
  await drained()
  const rows = await rig.look<{ id: string; sequence: number }>(
    `select id, sequence from ingest.outbox where id = any($1::uuid[]) order by sequence`,
    [arrayOf(events.map(({ id }) => id))],
    'ingest',
  )
  assert.equal(new Set(rows.map(({ sequence }) => sequence)).size, 300)
  let batched = 0
  for (const { id, sequence } of rows) {
    const message = await rig.admin.streams.getMessage('INGEST', { seq: sequence })
    assert.equal(message?.header.get('Nats-Msg-Id'), id)
    if (message?.header.get('Nats-Batch-Id')) batched += 1
  }
  assert.ok(batched > 200, `${batched} of 300 came in batches`)
})

test('a batch that holds an event stored before is sent one by one: nothing is stored twice or left out', async () => {
  const events = Array.from({ length: 40 }, () => session())
  const [, , third] = events
  assert.ok(third)
  await rig.send(JSON.stringify(third), { id: third.id })
  const { messages } = (await rig.admin.streams.info('INGEST')).state
  await using ingest = await rig.start('ingest')
  await eventually(() => ingest.postgres.group(tenantId, [insertEvents('ingest', events)]))
  await drained()
  assert.equal((await rig.admin.streams.info('INGEST')).state.messages, messages + 39)
})

test('imports travel in a lane of their own, live events are not held up by it', async () => {
  await using ingest = await rig.start('ingest')
  const earlier = (await rig.admin.streams.info('INGEST_BULK')).state.messages
  await ingest.publish([session(), session()], 'bulk')
  await ingest.publish([session()])
  await drained()
  assert.equal((await rig.admin.streams.info('INGEST_BULK')).state.messages, earlier + 2)
})

test('while many wait for answers live events leave and bulk events stay; afterwards all go', async () => {
  await using ingest = await rig.start('ingest')
  await drained()
  const rush = setInterval(ingest.yieldToAnswers, 20)
  ingest.yieldToAnswers()
  const bulk = Array.from({ length: 40 }, () => session())
  await ingest.postgres.group(tenantId, [insertEvents('ingest', bulk, 'bulk')])
  for (let turn = 0; turn < 5; turn += 1) {
    await ingest.publish([session(), session()])
    await eventually(async () => assert.equal(await unsent('live'), 0))
    assert.equal(await unsent('bulk'), 40)
  }
  clearInterval(rush)
  await drained()
})

test('an event whose transaction took long is found although newer ones were sent before', async () => {
  await using ingest = await rig.start('ingest')
  await ingest.publish([session()])
  await drained()
  const late = session({ id: uuidFloor(clock.nowMs() - 20_000).replace(/0000$/, 'abcd') })
  await ingest.publish([late])
  await drained()
})

test('P3: while the server is away the outbox grows and the relay says so; afterwards everything arrives', async () => {
  await using ingest = await rig.start('ingest')
  await drained()
  const { state } = await rig.admin.streams.info('INGEST')
  await rig.nats.kill()
  const events: Event[] = Array.from({ length: 60 }, () => session())
  await ingest.postgres.group(tenantId, [insertEvents('ingest', events)])
  await eventually(() => assert.ok(ingest.readiness().includes('nats')))
  assert.equal(await unsent(), 60)

  await rig.nats.start()
  await drained(20_000)
  await eventually(() => assert.deepEqual(ingest.readiness(), []))
  await eventually(
    async () => assert.equal((await rig.admin.streams.info('INGEST')).state.messages, state.messages + 60),
    { withinMs: 15_000 },
  )
})

test('of several relays of a service one is active, and another takes over when it goes', async () => {
  const first = await rig.start('ingest')
  await using second = await rig.start('ingest')
  await second.publish([session(), session()])
  await drained()
  await first[Symbol.asyncDispose]()
  await second.publish([session()])
  await drained()
})

test('P6: the request role writes outbox rows for its own tenant only and reads none; the worker writes none', async () => {
  await using ingest = await rig.start('ingest')
  const foreign = session({ tenantId: '01940000-0000-7000-8000-0000000000ff' })
  await assert.rejects(ingest.postgres.group(tenantId, [insertEvents('ingest', [foreign])]), /42501/)
  const read = { text: 'select id from ingest.outbox', values: [] }
  await assert.rejects(ingest.postgres.group(tenantId, [read]), /42501/)
  await assert.rejects(ingest.postgres.worker([insertEvents('ingest', [session()])]), /42501/)
  const change = { text: `update ingest.outbox set payload = ''`, values: [] }
  await assert.rejects(ingest.postgres.worker([change]), /42501/)
})

test('an event above 256 KB is refused before it is written', () => {
  const event = { ...session(), data: { text: 'x'.repeat(262_144) } }
  assert.throws(() => insertEvents('ingest', [event]), RangeError)
})
