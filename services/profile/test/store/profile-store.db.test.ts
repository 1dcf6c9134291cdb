import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isStale } from '@csr/postgres/errors'
import { statement } from '@csr/postgres/statement'
import type { Activity } from '../../src/domain/profile.ts'
import { recordActivity } from '../../src/domain/record-activity.ts'
import type { ListPosition } from '../../src/store/profile-store.ts'
import { openProfileStore, type TestProfiles, type Told } from '../open-profile-store.ts'

let open: TestProfiles
before(async () => {
  open = await openProfileStore()
})
after(() => open[Symbol.asyncDispose]())

const person = (number: number): Told => ({
  email: `participant-${number}@example.org`,
  name: `Participant ${number}`,
  phone: `+47 22 00 00 0${number}`,
})

async function telling(tenantId: string, ...told: Told[]) {
  const reports = await Promise.all(told.map((item) => open.report(tenantId, item)))
  return { reports, change: await open.tell(tenantId, reports), subjectId: reports[0]?.activity.subjectId ?? '' }
}

test('a report becomes a profile with its personal fields, its programme and an activity', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await telling(tenantId, { ...person(1), programme: 'Language Café' })
  const profile = await open.profiles.get(tenantId, subjectId, { personal: true })
  assert.deepEqual(profile?.personal, {
    name: 'Participant 1',
    email: 'participant-1@example.org',
    phone: '+47 22 00 00 01',
  })
  assert.deepEqual(
    profile?.programmes.map(({ name }) => name),
    ['Language Café'],
  )
  assert.equal(profile?.createdAt, '2026-11-20T10:00:00.000Z')
  const activities = await open.profiles.activities(tenantId, subjectId, { after: null, limit: 10 })
  assert.equal(activities?.length, 1)
  assert.deepEqual(activities?.[0]?.details, { rating: 0.5 })
  assert.equal(activities?.[0]?.occurredAt, '2026-11-19T10:00:00.000Z')
})

test('without personal fields nothing is opened', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await telling(tenantId, person(1))
  const profile = await open.profiles.get(tenantId, subjectId, { personal: false })
  assert.equal(profile?.id, subjectId)
  assert.equal(profile?.personal, null)
})

test('P2: a report that comes again, alone or with others, changes nothing', async () => {
  const tenantId = await open.tenant()
  const { reports, subjectId } = await telling(tenantId, person(1))
  const first = await open.profiles.get(tenantId, subjectId, { personal: true })
  open.clock.advanceMs(1_000)
  const again = await open.tell(tenantId, [...reports, ...reports])
  assert.deepEqual(again.outcomes, ['repeated', 'repeated'])
  assert.deepEqual(again.statements, [])
  assert.deepEqual(again.facts, [])
  assert.deepEqual(await open.profiles.get(tenantId, subjectId, { personal: true }), first)
})

test('a correction replaces the activity and a late report does not; both stay in history', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await telling(tenantId, person(1))
  const later = { ...person(1), reportedAt: '2026-11-20T09:30:00.000Z', details: { rating: 0.9 } }
  const earlier = { ...person(1), reportedAt: '2026-11-20T08:00:00.000Z', details: { rating: 0.1 } }
  assert.deepEqual((await telling(tenantId, later)).change.outcomes, ['corrected'])
  assert.deepEqual((await telling(tenantId, earlier)).change.outcomes, ['superseded'])
  const activities = await open.profiles.activities(tenantId, subjectId, { after: null, limit: 10 })
  assert.deepEqual(
    activities?.map(({ details }) => details),
    [{ rating: 0.9 }],
  )
  const [history] = await open.postgres.group(tenantId, [
    statement<{ details: { rating: number } }>('select details from profile.activity_revisions order by reported_at'),
  ])
  assert.deepEqual(
    history.map(({ details }) => details.rating),
    [0.1, 0.5],
  )
})

test('a correction that names another person moves the activity between profiles', async () => {
  const tenantId = await open.tenant()
  const { subjectId: first } = await telling(tenantId, { ...person(1), programme: 'Mentoring' })
  const moved = { ...person(2), programme: 'Mentoring', reportedAt: '2026-11-20T09:30:00.000Z' }
  const { subjectId: second } = await telling(tenantId, moved)
  assert.notEqual(first, second)
  assert.deepEqual(await open.profiles.activities(tenantId, first, { after: null, limit: 10 }), [])
  assert.equal((await open.profiles.activities(tenantId, second, { after: null, limit: 10 }))?.length, 1)
  assert.deepEqual((await open.profiles.get(tenantId, first, { personal: false }))?.programmes, [])
  assert.equal((await open.profiles.get(tenantId, second, { personal: false }))?.programmes.length, 1)
})

test('a person is found by e-mail however it is written, and an unknown address finds nobody', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await telling(tenantId, person(1))
  assert.equal((await open.profiles.findByEmail(tenantId, ' Participant-1@EXAMPLE.org '))?.id, subjectId)
  assert.equal(await open.profiles.findByEmail(tenantId, 'participant-9@example.org'), null)
})

test('lists run newest first, page by page, without gaps or repeats', async () => {
  const tenantId = await open.tenant()
  const told = Array.from({ length: 7 }, (_, number) => ({
    ...person(1),
    sourceId: `session-${number}`,
    occurredAt: `2026-11-1${Math.floor(number / 2)}T10:00:00.000Z`,
  }))
  const { subjectId } = await telling(tenantId, ...told)
  const seen = []
  for (let behind: ListPosition | null = null; ;) {
    const page: readonly Activity[] =
      (await open.profiles.activities(tenantId, subjectId, { after: behind, limit: 2 })) ?? []
    seen.push(...page)
    const last = page.at(-1)
    if (!last) break
    behind = { at: last.occurredAt, id: last.id }
  }
  assert.equal(new Set(seen.map(({ id }) => id)).size, 7)
  assert.deepEqual(
    seen,
    seen.toSorted((one, other) => (one.occurredAt + one.id < other.occurredAt + other.id ? 1 : -1)),
  )
})

test('P2: of two replicas that read the same state only one writes, and the other starts again', async () => {
  const tenantId = await open.tenant()
  const [one, other] = await Promise.all([
    open.report(tenantId, { ...person(1), sourceId: 'session-1' }),
    open.report(tenantId, { ...person(1), sourceId: 'session-2' }),
  ])
  const first = await open.profiles.change(tenantId, [one], recordActivity)
  const second = await open.profiles.change(tenantId, [other], recordActivity)
  await open.commit(tenantId, first)
  await assert.rejects(open.commit(tenantId, second), isStale)
  const again = await open.tell(tenantId, [other])
  assert.deepEqual(
    again.facts.map(({ fact }) => fact),
    ['activity-recorded'],
  )
})

test('P2: one activity reported for two people at once is recorded once', async () => {
  const tenantId = await open.tenant()
  const [one, other] = await Promise.all([
    open.report(tenantId, person(1)),
    open.report(tenantId, { ...person(2), reportedAt: '2026-11-20T09:30:00.000Z' }),
  ])
  const first = await open.profiles.change(tenantId, [one], recordActivity)
  const second = await open.profiles.change(tenantId, [other], recordActivity)
  await open.commit(tenantId, first)
  await assert.rejects(open.commit(tenantId, second), isStale)
  assert.deepEqual((await open.tell(tenantId, [other])).outcomes, ['corrected'])
})

test('P5: nothing is recorded about a person who is erased, and the others are not held up', async () => {
  const tenantId = await open.tenant()
  const [gone, other] = await Promise.all([
    open.report(tenantId, person(1)),
    open.report(tenantId, { ...person(2), role: 'volunteer' }),
  ])
  await open.keyring('privacy').eraseSubject(tenantId, gone.activity.subjectId)
  const { outcomes } = await open.tell(tenantId, [gone, other])
  assert.deepEqual(outcomes, ['erased', 'recorded'])
  assert.equal(await open.profiles.get(tenantId, gone.activity.subjectId, { personal: false }), null)
})

test('P5: a profile whose person is erased is not shown and can no longer be found', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await telling(tenantId, person(1))
  await open.keyring('privacy').eraseSubject(tenantId, subjectId)
  open.clock.advanceMs(60_000)
  assert.equal(await open.profiles.get(tenantId, subjectId, { personal: true }), null)
  assert.equal(await open.profiles.findByEmail(tenantId, person(1).email), null)
  assert.deepEqual(await open.profiles.list(tenantId, { after: null, limit: 10 }, { personal: true }), [])
})

test('P4: no personal value stands in any table of the schema', async () => {
  const tenantId = await open.tenant()
  await telling(tenantId, { ...person(5), programme: 'Mentoring' })
  const allOf = (table: string) => statement<{ row: unknown }>(`select to_jsonb(t) as row from profile.${table} t`)
  const tables = ['profiles', 'activities', 'activity_revisions', 'programmes']
  const rows = await open.postgres.group(tenantId, tables.map(allOf))
  const text = JSON.stringify([rows, await open.postgres.worker([allOf('outbox')])])
  assert.match(text, /s1\./)
  for (const value of ['participant-5', 'Participant 5', '22 00 00 05', 'example.org']) assert.ok(!text.includes(value))
})

test('P6: without its tenant a row can be neither read nor written', async () => {
  const [tenantId, otherId] = [await open.tenant(), await open.tenant()]
  const { subjectId, change } = await telling(tenantId, person(1))
  assert.equal(await open.profiles.get(otherId, subjectId, { personal: false }), null)
  assert.equal(await open.profiles.activities(otherId, subjectId, { after: null, limit: 10 }), null)
  await open.commit(otherId, { ...change, facts: [] })
  const [rows] = await open.postgres.group(tenantId, [
    statement<{ count: number }>('select count(*) as count from profile.profiles'),
  ])
  assert.equal(rows[0]?.count, 1)
})
