import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPostgres } from '@csr/postgres/connect'
import { isStale, PostgresUnavailable } from '@csr/postgres/errors'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import * as fc from 'fast-check'
import type { Fact } from '../../src/domain/profile.ts'
import type { SealedReport } from '../../src/store/batch.ts'
import { openProfileStore, type TestProfiles } from '../open-profile-store.ts'

let open: TestProfiles
before(async () => {
  open = await openProfileStore()
})
after(() => open[Symbol.asyncDispose]())

/** Few people, sessions and times, so that reports meet each other all the time. */
const anyTold = fc.record({
  email: fc.integer({ min: 1, max: 3 }).map((number) => `participant-${number}@example.org`),
  name: fc.constantFrom(null, 'Participant 1', 'Participant One'),
  sourceId: fc.integer({ min: 1, max: 4 }).map((number) => `session-${number}`),
  programme: fc.constantFrom(null, 'Mentoring', 'Language Café'),
  reportedAt: fc.integer({ min: 1, max: 3 }).map((hour) => `2026-11-20T0${hour}:00:00.000Z`),
  details: fc.constantFrom({ rating: 0.25 }, { rating: 0.75 }),
})

/** Applies batches one after another, each again as long as another replica was faster or held its rows, like the consumer does. */
async function replica(tenantId: string, batches: readonly (readonly SealedReport[])[]): Promise<Fact[]> {
  const facts: Fact[] = []
  for (const batch of batches) {
    for (;;) {
      try {
        facts.push(...(await open.tell(tenantId, batch)).facts)
        break
      } catch (error) {
        if (!isStale(error) && !(error instanceof PostgresUnavailable && error.committed === 'no')) throw error
      }
    }
  }
  return facts
}

function batchesOf(reports: readonly SealedReport[], size: number): SealedReport[][] {
  const batches = Math.ceil(reports.length / size)
  return Array.from({ length: batches }, (_, index) => reports.slice(index * size, (index + 1) * size))
}

/** Everything that is kept, opened, without what differs from run to run: sealed forms, versions, times of recording. */
async function stateOf(tenantId: string) {
  const people = await open.profiles.list(tenantId, { after: null, limit: 200 }, { personal: true })
  const [activities, revisions] = await open.postgres.group(tenantId, [
    statement<{ id: string; programme_id: string | null }>(
      'select id, subject_id, programme_id, details, reported_at, reported_by from profile.activities order by id',
    ),
    statement('select * from profile.activity_revisions order by activity_id, reported_by'),
  ])
  const profiles = people
    .map(({ id, personal, programmes }) => ({ id, personal, programmes }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
  return { profiles, activities, revisions }
}

const countOf = (facts: readonly Fact[], counts: (fact: Fact) => boolean) => facts.filter(counts).length

test('P2: replicas that work on the same people at once end in the state of one, and announce each change once', async () => {
  const plan = fc.record({
    told: fc.array(anyTold, { minLength: 10, maxLength: 40 }),
    size: fc.integer({ min: 1, max: 10 }),
    order: fc.infiniteStream(fc.nat()),
  })
  await fc.assert(
    fc.asyncProperty(plan, async ({ told, size, order }) => {
      const tenantId = await open.tenant()
      const reports = await Promise.all(told.map((item) => open.report(tenantId, item)))
      const shuffled = reports
        .map((report) => ({ report, place: order.next().value ?? 0 }))
        .toSorted((one, other) => one.place - other.place)
        .map(({ report }) => report)
      const half = Math.ceil(reports.length / 2)
      const facts = (
        await Promise.all([
          replica(tenantId, batchesOf(reports.slice(0, half), size)),
          replica(tenantId, batchesOf(reports.slice(half), size)),
          replica(tenantId, batchesOf(shuffled, size)),
        ])
      ).flat()
      const together = await stateOf(tenantId)

      const created = countOf(facts, ({ fact }) => fact === 'profile-created')
      assert.equal(created, together.profiles.length)
      const recorded = countOf(facts, (fact) => fact.fact === 'activity-recorded' && !fact.correction)
      assert.equal(recorded, together.activities.length)

      // Reports are sealed for their tenant, so the reference run takes the same ones in another order.
      await forget(tenantId)
      await replica(tenantId, batchesOf(reports, 100))
      assert.deepEqual(await stateOf(tenantId), together)
    }),
    { numRuns: 12 },
  )
})

/** Empties the tables for a tenant, as their owner. */
async function forget(tenantId: string): Promise<void> {
  const logger = createLogger({ service: 'profile', destination: { write: () => {} } })
  await using owner = createPostgres({ name: 'owner', url: open.database.url('csr_owner'), logger })
  await owner.start?.()
  const tables = ['profiles', 'activities', 'activity_revisions', 'programmes']
  await owner.group(
    tenantId,
    tables.map((table) => statement(`delete from profile.${table}`)),
  )
}
