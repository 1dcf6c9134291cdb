import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Activity, Fact, Profile } from '../../src/domain/profile.ts'
import { recordActivity, type Known, type Report } from '../../src/domain/record-activity.ts'

const at = '2026-11-20T12:00:00.000Z'

function report(change: Partial<Activity> = {}, personal: Partial<Report['personal']> = {}): Report {
  return {
    personal: { name: null, email: null, phone: null, ...personal },
    activity: {
      id: 'activity-1',
      subjectId: 'subject-1',
      kind: 'session.completed',
      partner: 'kintell',
      sourceId: 'session-1',
      role: 'participant',
      occurredAt: '2026-11-19T10:00:00.000Z',
      programmeId: null,
      details: { sessionType: 'language', rating: 0.5 },
      reportedAt: '2026-11-20T10:00:00.000Z',
      reportedBy: 'event-1',
      ...change,
    },
  }
}

/** Everything that is known, after reports in the order given. */
function createWorld() {
  const profiles = new Map<string, Profile>()
  const activities = new Map<string, Activity>()
  const revisions = new Map<string, Activity>()
  const facts: Fact[] = []
  return { profiles, activities, revisions, facts, tell }

  function tell(told: Report) {
    const activity = activities.get(told.activity.id) ?? null
    const owner = activity && activity.subjectId !== told.activity.subjectId ? profiles.get(activity.subjectId) : null
    const known: Known = { profile: profiles.get(told.activity.subjectId) ?? null, activity, owner: owner ?? null }
    const recorded = recordActivity(known, told, at)
    profiles.set(recorded.profile.subjectId, recorded.profile)
    if (recorded.owner) profiles.set(recorded.owner.subjectId, recorded.owner)
    activities.set(recorded.activity.id, recorded.activity)
    if (recorded.revision) revisions.set(`${recorded.revision.id} ${recorded.revision.reportedBy}`, recorded.revision)
    facts.push(...recorded.facts)
    return recorded
  }
}

type World = ReturnType<typeof createWorld>

const finalState = ({ profiles, activities, revisions }: World) =>
  [profiles, activities, revisions].map((map) => Object.fromEntries(map))

const countOf = (facts: readonly Fact[], fact: Fact['fact']) => facts.filter((item) => item.fact === fact).length

test('a first report makes the profile and the activity, each announced once', () => {
  const world = createWorld()
  const { outcome } = world.tell(report({}, { name: 'Participant 1', email: 'participant-1@example.org' }))
  assert.equal(outcome, 'recorded')
  assert.deepEqual(
    world.facts.map((item) => item.fact),
    ['profile-created', 'activity-recorded'],
  )
  assert.equal(world.profiles.get('subject-1')?.personal.name?.value, 'Participant 1')
})

test('P2: the same report again changes nothing and announces nothing', () => {
  const world = createWorld()
  world.tell(report())
  const before = structuredClone(finalState(world))
  assert.equal(world.tell(report()).outcome, 'repeated')
  assert.deepEqual(finalState(world), before)
  assert.equal(world.facts.length, 2)
})

test('a correction with a later time replaces the activity, and the earlier report is history', () => {
  const world = createWorld()
  world.tell(report())
  const later = { reportedAt: '2026-11-20T11:00:00.000Z', reportedBy: 'event-2', details: { rating: 0.9 } }
  assert.equal(world.tell(report(later)).outcome, 'corrected')
  assert.equal(world.activities.size, 1)
  assert.deepEqual(world.activities.get('activity-1')?.details, { rating: 0.9 })
  assert.deepEqual(
    [...world.revisions.values()].map((item) => item.reportedBy),
    ['event-1'],
  )
  const last = world.facts.at(-1)
  assert.ok(last?.fact === 'activity-recorded' && last.correction && last.causedBy === 'event-2')
})

test('a report with an earlier time changes nothing and is history', () => {
  const world = createWorld()
  world.tell(report())
  const earlier = { reportedAt: '2026-11-20T09:00:00.000Z', reportedBy: 'event-2', details: { rating: 0.9 } }
  assert.equal(world.tell(report(earlier)).outcome, 'superseded')
  assert.deepEqual(world.activities.get('activity-1')?.details, { sessionType: 'language', rating: 0.5 })
  assert.equal(world.revisions.size, 1)
  assert.equal(world.facts.length, 2)
})

test('a later report with the same content announces no correction, whatever the order of its keys', () => {
  const world = createWorld()
  world.tell(report())
  const later = { reportedAt: '2026-11-20T11:00:00.000Z', reportedBy: 'event-2' }
  const { outcome } = world.tell(report({ ...later, details: { rating: 0.5, sessionType: 'language' } }))
  assert.equal(outcome, 'confirmed')
  assert.equal(world.facts.length, 2)
})

test('a later report that is silent about a field leaves it alone', () => {
  const world = createWorld()
  world.tell(report({}, { name: 'Participant 1', phone: '+47 22 00 00 00' }))
  const later = { id: 'activity-2', reportedAt: '2026-11-20T11:00:00.000Z', reportedBy: 'event-2' }
  world.tell(report(later, { name: 'Participant One' }))
  const { personal } = world.profiles.get('subject-1') ?? assert.fail('no profile')
  assert.equal(personal.name?.value, 'Participant One')
  assert.equal(personal.phone?.value, '+47 22 00 00 00')
  const changed = world.facts.filter((item) => item.fact === 'profile-changed')
  assert.deepEqual(
    changed.map((item) => item.fields),
    [['name']],
  )
})

test('a field said again advances its time: a report from in between no longer wins', () => {
  const world = createWorld()
  const saying = (hour: number, name: string) =>
    report(
      { id: `activity-${hour}`, reportedAt: `2026-11-20T${hour}:00:00.000Z`, reportedBy: `event-${hour}` },
      { name },
    )
  world.tell(saying(10, 'Participant 1'))
  world.tell(saying(12, 'Participant 1'))
  world.tell(saying(11, 'Participant One'))
  assert.equal(world.profiles.get('subject-1')?.personal.name?.value, 'Participant 1')
  assert.equal(countOf(world.facts, 'profile-changed'), 0)
})

test('a correction that names another person moves the activity, and programmes follow', () => {
  const world = createWorld()
  world.tell(report({ programmeId: 'programme-1' }))
  const later = { subjectId: 'subject-2', reportedAt: '2026-11-20T11:00:00.000Z', reportedBy: 'event-2' }
  world.tell(report({ ...later, programmeId: 'programme-2' }))
  assert.deepEqual(world.profiles.get('subject-1')?.programmeActivities, {})
  assert.deepEqual(world.profiles.get('subject-2')?.programmeActivities, { 'programme-2': 1 })
  const [, , created, left, recorded] = world.facts
  assert.ok(created?.fact === 'profile-created' && created.subjectId === 'subject-2')
  assert.ok(left?.fact === 'profile-changed' && left.subjectId === 'subject-1')
  assert.deepEqual(left.fields, ['activities', 'programmes'])
  assert.ok(recorded?.fact === 'activity-recorded' && recorded.correction)
})

const oneOf = <T>(...values: T[]) => fc.constantFrom(...values)

const anyReports = fc
  .array(
    fc.record({
      id: oneOf('activity-1', 'activity-2', 'activity-3'),
      subjectId: oneOf('subject-1', 'subject-2', 'subject-3'),
      programmeId: oneOf(null, 'programme-1', 'programme-2'),
      reportedAt: oneOf('2026-11-20T09:00:00.000Z', '2026-11-20T10:00:00.000Z', '2026-11-20T11:00:00.000Z'),
      rating: oneOf(null, 0.25, 0.75),
      name: oneOf(null, 'Participant 1', 'Participant One'),
      phone: oneOf(null, '+47 22 00 00 00'),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((items) =>
    items.map(({ rating, name, phone, ...activity }, position) =>
      report({ ...activity, reportedBy: `event-${position}`, details: { rating } }, { name, phone }),
    ),
  )

const anyArrivals = anyReports.chain((reports) =>
  fc.record({
    reports: fc.constant(reports),
    arrivals: fc
      .tuple(
        fc.shuffledSubarray(reports, { minLength: reports.length }),
        fc.array(oneOf(...reports), { maxLength: reports.length }),
      )
      .map(([all, again]) => [...all, ...again]),
  }),
)

test('P2: any order and any number of the same reports ends in the same state', () => {
  fc.assert(
    fc.property(anyArrivals, ({ reports, arrivals }) => {
      const [once, arrived] = [createWorld(), createWorld()]
      reports.forEach(once.tell)
      arrivals.forEach(arrived.tell)
      assert.deepEqual(finalState(arrived), finalState(once))
    }),
    { numRuns: 500 },
  )
})

test('P2: in any order each profile is created once and each activity recorded once', () => {
  fc.assert(
    fc.property(anyArrivals, ({ arrivals }) => {
      const world = createWorld()
      arrivals.forEach(world.tell)
      assert.equal(countOf(world.facts, 'profile-created'), world.profiles.size)
      const first = world.facts.filter((item) => item.fact === 'activity-recorded' && !item.correction)
      assert.equal(first.length, world.activities.size)
      const counts = [...world.profiles.values()].flatMap((item) => Object.values(item.programmeActivities))
      const named = [...world.activities.values()].filter((item) => item.programmeId !== null)
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        named.length,
      )
    }),
    { numRuns: 500 },
  )
})
