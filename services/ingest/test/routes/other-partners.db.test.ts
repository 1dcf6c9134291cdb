import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { catalog, type EventType } from '@csr/contracts/events/catalog'
import { envelope } from '@csr/contracts/events/envelope'
import type { Partner } from '@csr/contracts/events/ingest'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { buddyFeedback, ecornellCourse, kintellRating, kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => (intake = await openIntake()))
after(async () => await intake[Symbol.asyncDispose]())

type Data = {
  activityId: string
  kind: string
  sourceId: string
  about: unknown
  people: { subjectId: string; activityId: string }[]
}

async function fresh(partner: Partner, tenantId?: string) {
  const tenant = tenantId ?? (await intake.tenant())
  const endpoint = await intake.endpoint(tenant, partner)
  const reports = async () =>
    (await intake.events(tenant))
      .filter(({ type }) => /session|feedback|course/.test(type))
      .map((event) => {
        const type = event.type as EventType
        return { type, data: envelope(type, catalog[type]).parse(event).data as unknown as Data }
      })
  return { tenantId: tenant, endpoint, reports }
}

test('P2: ratings and feedback are events of their own, before or after what they are about', async () => {
  const kintell = await fresh('kintell')
  const buddy = await fresh('buddy', kintell.tenantId)
  const bodies = [
    { endpoint: kintell.endpoint, body: kintellRating() },
    { endpoint: kintell.endpoint, body: kintellSession() },
    { endpoint: buddy.endpoint, body: buddyFeedback() },
    { endpoint: buddy.endpoint, body: buddyFeedback() },
    { endpoint: buddy.endpoint, body: buddyFeedback({ rating: 0.1 }) },
  ]
  const outcomes: unknown[] = []
  for (const posting of bodies) outcomes.push((await intake.post(posting)).body['outcome'])
  assert.deepEqual(outcomes, ['accepted', 'accepted', 'accepted', 'duplicate', 'accepted'])
  const [rating, session, feedback, corrected] = await kintell.reports()
  assert.deepEqual(
    [rating?.type, rating?.data.kind, rating?.data.about],
    ['ingest.feedback.submitted.v1', 'rating.created', { kind: 'session', sourceId: 'session-1' }],
  )
  assert.deepEqual(
    [feedback?.type, feedback?.data.kind, feedback?.data.about],
    ['ingest.feedback.submitted.v1', 'feedback.submitted', { kind: 'match', sourceId: 'match-1' }],
  )
  assert.equal(feedback?.data.people[0]?.activityId, corrected?.data.people[0]?.activityId)
  // The same address is the same person for both partners; the volunteer wrote the rating.
  assert.equal(feedback?.data.people[0]?.subjectId, session?.data.people[0]?.subjectId)
  assert.equal(rating?.data.people[0]?.subjectId, session?.data.people[1]?.subjectId)
  assert.notEqual(rating?.data.people[0]?.activityId, session?.data.people[1]?.activityId)
})

test('P2: a course counts once per person, whatever its event ids; another person’s is another activity', async () => {
  const { endpoint, reports } = await fresh('upskilling')
  const other = { external_id: 'ec-2', email: 'participant-2@example.org' }
  const bodies = [
    ecornellCourse(),
    ecornellCourse({ event_id: 'event-2', timestamp: '2026-11-20T10:30:00Z' }),
    ecornellCourse({ event_id: 'event-3', certificate: null, timestamp: '2026-11-20T10:40:00Z' }),
    ecornellCourse({ event_id: 'event-4', user: other }),
  ]
  const outcomes: unknown[] = []
  for (const body of bodies) outcomes.push((await intake.post({ endpoint, body })).body['outcome'])
  assert.deepEqual(outcomes, ['accepted', 'duplicate', 'accepted', 'accepted'])
  const [first, corrected, another] = (await reports()).map(({ data }) => data)
  assert.equal(first?.sourceId, corrected?.sourceId)
  assert.equal(first?.people[0]?.activityId, corrected?.people[0]?.activityId)
  assert.notEqual(first?.people[0]?.activityId, another?.people[0]?.activityId)
})

test('P4: what these reports say about people is nowhere in plain', async () => {
  const { tenantId } = await fresh('buddy')
  const rows = await intake.admin`
    select d::text as text from ingest.deliveries d union all select o::text from ingest.outbox o`
  assert.ok(rows.length > 8 && tenantId)
  const text = rows.map((row) => row['text'] as string).join('\n')
  assert.ok(text.includes('match-1'), 'the search finds what is there')
  for (const secret of [
    '@example.org',
    'Participant',
    'Volunteer One',
    'bud-1',
    'ec-1',
    'laughed',
    'the city',
    'cert-1',
    'certificates.example',
  ]) {
    assert.ok(!text.includes(secret), secret)
  }
})
