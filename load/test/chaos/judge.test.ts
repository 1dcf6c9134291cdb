import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Effects } from '../../chaos/oracle/effects.ts'
import type { Evidence } from '../../chaos/oracle/evidence.ts'
import { judge } from '../../chaos/oracle/judge.ts'
import { evidenceOf, report, tenantId } from './evidence-of.ts'

const whole = evidenceOf().effects

function verdicts(change: Partial<Effects>, rest: Partial<Evidence> = {}): string[] {
  return judge(evidenceOf(change, rest)).findings.map(({ verdict }) => verdict)
}

test('a report with each effect once is effective, and nothing is found', () => {
  const { effective, findings, standing } = judge(evidenceOf())
  assert.deepEqual({ effective, findings, standing }, { effective: 1, findings: [], standing: [report] })
})

const missing: readonly [what: string, change: Partial<Effects>][] = [
  ['its event', { events: [] }],
  ['one activity', { activities: whole.activities.slice(1) }],
  ['the announcement of an activity', { events: whole.events.filter(({ id }) => id !== 'told-1') }],
  ['the screened text', { events: whole.events.filter(({ id }) => id !== 'screened') }],
  ['the screening', { screenings: [] }],
  ['the outcome', { outcomes: [] }],
  ['the announcement of the outcome', { events: whole.events.filter(({ id }) => id !== 'scored') }],
  ['the outcome at its activity', { outcomes: whole.outcomes.map((row) => ({ ...row, shownId: null })) }],
  ...whole.records.map((id): [string, Partial<Effects>] => [
    `the audit record of ${id}`,
    { records: whole.records.filter((other) => other !== id) },
  ]),
]

for (const [what, change] of missing) {
  test(`without ${what} a report is lost`, () => {
    assert.deepEqual(new Set(verdicts(change)), new Set(['lost']))
  })
}

const twice: readonly [what: string, change: Partial<Effects>][] = [
  ['event', { events: [...whole.events, ...copies(whole.events.slice(0, 1), { id: 'event-2' })] }],
  ['activity', { activities: [...whole.activities, ...copies(whole.activities.slice(0, 1), { id: 'activity-3' })] }],
  ['announcement', { events: [...whole.events, ...copies(whole.events.slice(1, 2), { id: 'told-3' })] }],
  ['screened text', { events: [...whole.events, ...copies(whole.events.slice(3, 4), { id: 'screened-2' })] }],
  ['screening', { screenings: [...whole.screenings, ...whole.screenings] }],
  ['outcome', { outcomes: [...whole.outcomes, ...copies(whole.outcomes, { id: 'outcome-2' })] }],
  ['audit record', { records: [...whole.records, 'event'] }],
]

for (const [what, change] of twice) {
  test(`with a second ${what} a report is duplicated`, () => {
    assert.ok(verdicts(change).includes('duplicated'), JSON.stringify(judge(evidenceOf(change)).findings))
  })
}

test('what is missing and still waits is stuck, and the finding says where', () => {
  const unsent = { ...whole, events: whole.events.slice(0, 1).map((row) => ({ ...row, unsent: true })) }
  const cases: [Evidence, RegExp][] = [
    [evidenceOf({ ...unsent, activities: [], records: [] }), /unsent in ingest\.outbox/],
    [
      evidenceOf({
        activities: [],
        parked: [{ service: 'profile', consumer: 'profile-on-session-completed', eventId: 'event' }],
      }),
      /parked by profile-on-session-completed/,
    ],
    [
      evidenceOf({ activities: [] }, { underWay: [{ place: 'durable profile-on-session-completed', count: 3 }] }),
      /3 events wait in durable profile-on-session-completed/,
    ],
  ]
  for (const [evidence, where] of cases) {
    const [first] = judge(evidence).findings
    assert.equal(first?.verdict, 'stuck')
    assert.match(first?.detail ?? '', where)
  }
})

test('what was given up is dead-lettered, not lost', () => {
  const letter = {
    service: 'profile',
    consumer: 'profile-on-session-completed',
    eventId: 'event',
    reason: 'exhausted',
  } as const
  assert.deepEqual(new Set(verdicts({ activities: [], deadLetters: [letter] })), new Set(['dead-lettered']))
})

test('a report without an answer takes effect once or not at all', () => {
  const promised = [{ report, fate: 'unknown' }] as const
  const nothing = { events: [], activities: [], screenings: [], outcomes: [], records: [] }
  assert.deepEqual(verdicts(nothing, { promised }), [])
  assert.deepEqual(verdicts({}, { promised }), [])
  assert.deepEqual(new Set(verdicts({ activities: [] }, { promised })), new Set(['lost']))
})

test('what nobody sent is duplicated, in another company too', () => {
  assert.ok(verdicts({}, { promised: [] }).includes('duplicated'))
  const leaked = whole.activities.map((row) => ({ ...row, tenantId: 'tenant-2' }))
  const evidence = evidenceOf({ activities: [...whole.activities, ...leaked] }, { tenantIds: [tenantId, 'tenant-2'] })
  assert.ok(
    judge(evidence).findings.some(({ verdict, detail }) => verdict === 'duplicated' && /nobody sent/.test(detail)),
  )
})

test('of two versions the later has to stand, and the other to be history', () => {
  const later = { ...report, reportedAt: '2026-10-05T09:01:00Z', text: null }
  const first = { ...report, text: null }
  const promised = [first, later].map((one) => ({ report: one, fate: 'accepted' as const }))
  const [event] = whole.events
  assert.ok(event)
  const events = [...whole.events.slice(0, 3), { ...event, id: 'event-2', reportedAt: later.reportedAt }]
  const told = whole.events.slice(1, 3).map((row, at) => ({ ...row, id: `again-${at}`, causedBy: 'event-2' }))
  const texts = { screenings: [], outcomes: [] }
  const records = [...whole.records, 'event-2', 'again-0', 'again-1']
  const earlier = whole.activities.map((row) => ({ ...row, standing: false }))
  const now = whole.activities.map((row) => ({ ...row, reportedBy: 'event-2', reportedAt: later.reportedAt }))
  assert.deepEqual(
    verdicts({ events: [...events, ...told], activities: [...earlier, ...now], records, ...texts }, { promised }),
    [],
  )
  const swapped = [
    ...earlier.map((row) => ({ ...row, standing: true })),
    ...now.map((row) => ({ ...row, standing: false })),
  ]
  assert.ok(
    verdicts({ events: [...events, ...told], activities: swapped, records, ...texts }, { promised }).includes('lost'),
  )
})

function copies<Row>(rows: readonly Row[], change: Partial<Row>): Row[] {
  return rows.map((row) => ({ ...row, ...change }))
}
