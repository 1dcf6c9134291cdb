import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Event } from '@csr/contracts/events/envelope'
import { createOutboxReplay, outboxReplayRequest, type OutboxReplayPage } from '@csr/contracts/http/outbox'
import { platformTenantId } from '@csr/contracts/services'
import type { RouteRequest } from '@csr/http/route'
import { insertEvents } from '@csr/messaging/outbox'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { clock, ids, patiently, session, tenantId } from './rig.ts'

let database: TestDatabase
let postgres: Postgres
let startedOver = 0
before(async () => {
  database = await privateDatabase()
  const logger = createLogger({ service: 'ingest', level: 'error', destination: { write: () => undefined } })
  const [url, workerUrl] = [database.url('csr_ingest'), database.url('csr_ingest_worker')]
  postgres = createPostgres({ name: 'ingest', url, workerUrl, logger })
  await postgres.start?.()
})
after(async () => {
  await postgres[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})
beforeEach(async () => {
  startedOver = 0
  await patiently(() => postgres.worker([statement(`update ingest.outbox set epoch = 'gone', sequence = 1`)]))
})

async function answer(index: number, body: unknown): Promise<unknown> {
  const relay = { startOver: () => void (startedOver += 1) } as never
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  const asked = outboxRoutes({ service: 'ingest', postgres, relay, clock, stamp })[index]
  assert.ok(asked)
  assert.deepEqual([asked.permission, asked.callers], ['platform:operate', ['gateway']])
  const request = { body, principal: { actorId: 'operator-1' }, requestId: 'request-1' }
  return (await asked.handle(request as unknown as RouteRequest)).body
}
const status = () => answer(0, undefined)
const replay = async (asked: object): Promise<OutboxReplayPage> =>
  (await answer(1, outboxReplayRequest.parse(asked))) as OutboxReplayPage

async function sent(count: number, type?: string): Promise<string[]> {
  const events = Array.from({ length: count }, (): Event => ({ ...session(), ...(type && { type }) }))
  await postgres.group(tenantId, [insertEvents('ingest', events)])
  const eventIds = events.map(({ id }) => id)
  const mark = `update ingest.outbox set epoch = 'here', sequence = 1 where sequence is null`
  await postgres.worker([statement(mark)])
  return eventIds
}

async function unsent(): Promise<{ id: string; topic: string; payload: string; tenant_id: string }[]> {
  const text = 'select id, topic, payload, tenant_id from ingest.outbox where sequence is null order by id'
  const [rows] = await postgres.worker([
    statement<{ id: string; topic: string; payload: string; tenant_id: string }>(text),
  ])
  return rows
}

test('P7: what is sent again is on record with who asked, in the outbox, before it leaves', async () => {
  const since = clock.now()
  const eventIds = await sent(3)
  assert.deepEqual(await replay({ since }), { count: 3, next: null })
  const rows = await unsent()
  const record = rows.find(({ topic }) => topic === 'ingest.outbox.replayed.v1')
  assert.ok(record)
  assert.equal(record.tenant_id, platformTenantId)
  const { data, subject, causationid } = JSON.parse(record.payload) as Event
  assert.deepEqual(
    [data, subject, causationid],
    [{ actorId: 'operator-1', since, eventType: null, count: 3 }, 'ingest', 'request-1'],
  )
  assert.deepEqual(
    rows.filter((row) => row !== record).map(({ id }) => id),
    eventIds,
  )
  assert.equal(startedOver, 1)
})

test('a replay is narrowed to a type in both lanes; a dry run counts and changes nothing', async () => {
  const since = clock.now()
  await sent(2, 'ingest.match.created.v1')
  const wanted = await sent(2)
  const asked = { since, type: 'ingest.session.completed.v1' }
  assert.deepEqual(await replay({ ...asked, dryRun: true }), { count: 2, next: null })
  assert.deepEqual(await unsent(), [])
  assert.equal((await replay(asked)).count, 2)
  const events = (await unsent()).filter(({ topic }) => topic !== 'ingest.outbox.replayed.v1')
  assert.deepEqual(
    events.map(({ id }) => id),
    wanted,
  )
})

test('what is not sent yet is not counted, and nothing to send again is nothing to record', async () => {
  const since = clock.now()
  await postgres.group(tenantId, [insertEvents('ingest', [session()])])
  assert.deepEqual(await replay({ since }), { count: 0, next: null })
  assert.equal((await unsent()).length, 1)
  assert.equal(startedOver, 0)
})

test('a large outbox is read page by page', async () => {
  const since = clock.now()
  const events = Array.from({ length: 10_100 }, () => session())
  for (let at = 0; at < events.length; at += 1_010)
    await postgres.group(tenantId, [insertEvents('ingest', events.slice(at, at + 1_010))])
  await postgres.worker([statement(`update ingest.outbox set epoch = 'here', sequence = 1 where sequence is null`)])
  const first = await replay({ since, dryRun: true })
  assert.deepEqual(first, { count: 10_000, next: events[9_999]?.id })
  assert.deepEqual(await replay({ since, after: first.next, dryRun: true }), { count: 100, next: null })
})

test('a request that names a type, a time or a page badly is refused', () => {
  const bad = [{ type: "x' or 1=1" }, { type: 'ingest.*.*.v1' }, { since: 'yesterday' }, { after: '1' }, { tenantId }]
  for (const asked of bad) assert.equal(createOutboxReplay('ingest').body.safeParse(asked).success, false)
})

test('the status tells what waits, and what a stream lost last', async () => {
  await postgres.worker([
    statement(`insert into ingest.relayed (stream, epoch, last_sequence, low_water, lost_at, lost_sign, lost_count)
      values ('INGEST', 'one', 70, 60, '2026-11-20T10:00:00Z', 'end', 9), ('INGEST_BULK', 'two', 5, null, null, null, null)`),
  ])
  await postgres.group(tenantId, [insertEvents('ingest', [session()])])
  const { oldestSeconds, ...rest } = (await status()) as { oldestSeconds: number }
  assert.ok(oldestSeconds >= 0 && oldestSeconds < 60)
  const lastLoss = { at: '2026-11-20T10:00:00.000Z', sign: 'end', count: 9 }
  assert.deepEqual(rest, {
    ...{ service: 'ingest', unsent: 1 },
    streams: [
      { stream: 'INGEST', epoch: 'one', lastSequence: 70, lowWater: 60, lastLoss },
      { stream: 'INGEST_BULK', epoch: 'two', lastSequence: 5, lowWater: null, lastLoss: null },
    ],
  })
})
