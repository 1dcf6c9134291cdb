import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { translate } from '../../src/domain/translate.ts'
import type { Report, Translation } from '../../src/domain/translation.ts'
import { buddyFeedback, ecornellCourse, kintellRating, kintellSession } from '../sample-bodies.ts'

function reportOf(translation: Translation): Report {
  if (translation.outcome !== 'report') throw new Error(JSON.stringify(translation))
  return translation.report
}

function pointersOf(translation: Translation): string[] {
  if (translation.outcome !== 'misshapen') throw new Error('it translates')
  return translation.reasons.map(({ pointer }) => pointer).toSorted()
}

test('a Kintell rating is its author’s, about a session that may come later or never', () => {
  assert.deepEqual(reportOf(translate('kintell', kintellRating(), 'Default')), {
    kind: 'rating.created',
    partner: 'kintell',
    identity: { by: 'source', sourceId: 'rating-1' },
    reportedAt: '2026-11-20T10:06:00.000Z',
    occurredAt: '2026-11-20T10:05:30.000Z',
    precision: 'instant',
    programme: 'Default',
    people: [
      { role: 'volunteer', email: 'volunteer-1@example.org', name: 'Volunteer One', phone: null, externalId: null },
    ],
    rating: 0.9,
    text: { author: 0, value: 'We laughed a lot and learned new words' },
    details: { fromRole: 'volunteer', about: { kind: 'session', sourceId: 'session-1' } },
    kept: null,
  })
  assert.deepEqual(
    pointersOf(translate('kintell', kintellRating({ rating: null, sessionId: '', fromRole: 'buddy' }), null)),
    ['/data/fromRole', '/data/rating', '/data/sessionId'],
  )
})

test('Buddy feedback is its author’s, about a match; rating and text may be missing', () => {
  const report = reportOf(translate('buddy', buddyFeedback({ rating: null, feedbackText: undefined }), null))
  assert.deepEqual(
    [report.kind, report.partner, report.rating, report.text],
    ['feedback.submitted', 'buddy', null, null],
  )
  assert.deepEqual([report.occurredAt, report.precision], ['2026-11-20T00:00:00.000Z', 'day'])
  assert.deepEqual(report.details, { fromRole: 'participant', about: { kind: 'match', sourceId: 'match-1' } })
  assert.deepEqual(pointersOf(translate('buddy', buddyFeedback({ rating: 4, submittedAt: 'yesterday' }), null)), [
    '/data/rating',
    '/data/submittedAt',
  ])
})

test('an eCornell course is identified by person, provider, course and status; its certificate leaves in no event', () => {
  const report = reportOf(translate('upskilling', ecornellCourse(), null))
  assert.deepEqual(report.identity, { by: 'people', parts: ['ecornell', 'C-101', 'completed'] })
  assert.deepEqual(report.people, [
    { role: 'learner', email: 'participant-1@example.org', name: 'Participant One', phone: null, externalId: 'ec-1' },
  ])
  assert.equal(report.occurredAt, '2026-11-19T15:00:00.000Z')
  assert.deepEqual(report.details, {
    provider: 'ecornell',
    course: { id: 'C-101', name: 'Project Work', url: 'https://courses.example.org/c-101' },
    startedAt: '2026-10-01T00:00:00.000Z',
    completedAt: '2026-11-19T15:00:00.000Z',
    percentComplete: 100,
    score: null,
    certificateIssuedAt: '2026-11-20T00:00:00.000Z',
  })
  assert.deepEqual(report.kept, { certificateId: 'cert-1', certificateUrl: 'https://certificates.example.org/cert-1' })
})

test('an eCornell learner has an e-mail or an external id; progress and certificate may be missing', () => {
  const bare = { progress: undefined, certificate: null, user: { external_id: 'ec-1' } }
  const report = reportOf(translate('upskilling', ecornellCourse(bare), null))
  assert.deepEqual([report.people[0]?.email, report.occurredAt], [null, '2026-11-20T10:08:00.000Z'])
  assert.deepEqual(pointersOf(translate('upskilling', ecornellCourse({ user: { first_name: 'Participant' } }), null)), [
    '/user',
  ])
  const dropped = ecornellCourse({
    progress: { status: 'dropped' },
    course: { course_id: 'C-101', course_name: 'x', course_url: 'javascript:1' },
  })
  assert.deepEqual(pointersOf(translate('upskilling', dropped, null)), ['/course/course_url', '/progress/status'])
})

test('the partner is the endpoint’s: a body of another partner is misshapen', () => {
  assert.deepEqual(pointersOf(translate('buddy', kintellSession(), null)), ['/type'])
  assert.deepEqual(pointersOf(translate('kintell', buddyFeedback(), null)), ['/type'])
  assert.deepEqual(pointersOf(translate('upskilling', kintellRating(), null)), ['/event_type'])
})

test('no JSON value throws in any dialect, and no reason repeats a value', () => {
  const marker = 'value-nobody-may-see'
  const value = fc.oneof(
    { maxDepth: 2 },
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(marker, '\0', '\ud800', 1e300, '2026-11-20', null),
  )
  const names = fc.constantFrom(
    'ratingId',
    'author',
    'user',
    'course',
    'progress',
    'certificate',
    'rating',
    'submittedAt',
    'timestamp',
    marker,
  )
  fc.assert(
    fc.property(fc.constantFrom('kintell', 'buddy', 'upskilling'), fc.dictionary(names, value), (partner, changes) => {
      const bodies = {
        kintell: kintellRating(changes),
        buddy: buddyFeedback(changes),
        upskilling: ecornellCourse(changes),
      }
      const translation = translate(partner, bodies[partner], null)
      if (translation.outcome === 'report') return
      assert.ok(translation.reasons.length > 0)
      assert.ok(!JSON.stringify(translation.reasons).includes(marker))
    }),
    { numRuns: 500 },
  )
})
