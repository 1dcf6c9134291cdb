import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { createDeliveryStore } from '../../src/store/delivery-store.ts'
import { translateKintell } from '../../src/domain/translate-kintell.ts'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => (intake = await openIntake()))
after(async () => await intake[Symbol.asyncDispose]())

function reportOf(data: Record<string, unknown>, timestamp: string) {
  const translation = translateKintell(kintellSession(data, { timestamp }), null)
  if (translation.outcome !== 'report') throw new Error('the sample does not translate')
  return translation.report
}

test('P2: two instances that take the same webhooks at the same time accept each exactly once', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  const { postgres, keyring, clock, ids } = intake
  const instances = [1, 2, 3].map(() =>
    createDeliveryStore({
      postgres,
      keyring,
      clock,
      ids,
      wakeRelay: () => {},
      yieldToAnswers: () => {},
      livePerSecond: 100,
    }),
  )
  const accept = (store: (typeof instances)[number], webhook: number, session: number, minute: number) => {
    const timestamp = `2026-11-20T10:${String(minute).padStart(2, '0')}:00Z`
    const report = reportOf({ sessionId: `s-${session}`, durationMinutes: minute + 1 }, timestamp)
    const signed = { tenantId, endpointId: endpoint.id, partner: 'kintell', webhookId: `w-${webhook}` } as const
    return store.accept({ ...signed, body: Buffer.from(`${session} ${minute}`) }, report)
  }
  const rounds = Array.from({ length: 40 }, (_, number) => number)
  // Same ids everywhere; and for each session three contents under ids of their own, which correct each other.
  const answers = await Promise.all(
    rounds.flatMap((number) => [
      ...instances.map((store) => accept(store, number, number, 0)),
      ...instances.map((store, index) => accept(store, 1_000 + number * 3 + index, number, index + 1)),
    ]),
  )
  const accepted = answers.filter(({ outcome }) => outcome === 'accepted')
  assert.equal(accepted.length, 40 * 4)
  assert.equal(new Set(accepted.map(({ deliveryId }) => deliveryId)).size, 40 * 4)
  const events = (await intake.events(tenantId)).filter(({ type }) => type === 'ingest.session.completed.v1')
  assert.equal(events.length, 40 * 4)
  assert.deepEqual(
    events.map(({ data }) => data['deliveryId']).toSorted(),
    accepted.map(({ deliveryId }) => deliveryId).toSorted(),
  )
  const keys = await intake.admin`select version, reported_at from ingest.natural_keys where tenant_id = ${tenantId}`
  assert.equal(keys.length, 40)
  for (const { version, reported_at } of keys) {
    assert.equal(Number(version), 4)
    assert.equal((reported_at as Date).toISOString(), '2026-11-20T10:03:00.000Z')
  }
})

test('many webhooks that wait at once have what they cause yield, a few do not', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  let yielded = 0
  const { postgres, keyring, clock, ids } = intake
  const yieldToAnswers = (): void => void (yielded += 1)
  const store = createDeliveryStore({
    ...{ postgres, keyring, clock, ids, yieldToAnswers },
    wakeRelay: () => {},
    livePerSecond: 100,
  })
  const acceptAtOnce = (count: number, run: string) =>
    Promise.all(
      Array.from({ length: count }, (_, number) => {
        const webhookId = `${run}-${number}`
        const signed = { tenantId, endpointId: endpoint.id, partner: 'kintell', webhookId } as const
        const report = reportOf({ sessionId: webhookId }, '2026-11-20T10:00:00Z')
        return store.accept({ ...signed, body: Buffer.from(webhookId) }, report)
      }),
    )
  for (let round = 0; round < 3; round += 1) await acceptAtOnce(20, `few-${round}`)
  assert.equal(yielded, 0)
  await acceptAtOnce(60, 'many')
  assert.ok(yielded > 0)
})

test('look-ups stay look-ups while the tables grow', async () => {
  await using own = await openIntake()
  const endpoint = await own.endpoint(await own.tenant())
  for (let batch = 0; batch < 20; batch += 1) {
    const posts = Array.from({ length: 20 }, (_, number) =>
      own.post({ endpoint, body: kintellSession({ sessionId: `g-${batch}-${number}` }) }),
    )
    for (const { body } of await Promise.all(posts)) assert.equal(body['outcome'], 'accepted')
  }
  // A session tells what it read at its end at the latest.
  await own.postgres[Symbol.asyncDispose]()
  await eventually(async () => {
    const [row] = await own.admin`
      select count(*)::int as sessions from pg_stat_activity
      where datname = current_database() and usename = 'csr_ingest'`
    assert.equal(row?.['sessions'], 0)
  })
  const [row] = await own.admin`
    select coalesce(sum(idx_tup_read), 0)::int as read, coalesce(sum(idx_scan), 0)::int as scans
    from pg_stat_user_indexes where schemaname = 'ingest' and relname in ('webhook_ids', 'natural_keys')`
  assert.ok(row?.['scans'] >= 2 * 400, 'each webhook is looked up by its id and its key')
  assert.ok(row?.['read'] < 400, 'no index is read row by row')
})
