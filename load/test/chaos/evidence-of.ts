import type { Effects } from '../../chaos/oracle/effects.ts'
import type { Evidence } from '../../chaos/oracle/evidence.ts'
import type { Report } from '../../chaos/workload/report.ts'

export const tenantId = 'tenant-1'

export const report: Report = {
  company: 0,
  partner: 'kintell',
  kind: 'session.completed',
  thing: 'thing-1',
  reportedAt: '2026-10-05T08:01:00Z',
  people: [
    { role: 'participant', email: 'participant-1@example.org' },
    { role: 'volunteer', email: 'volunteer-1@example.org' },
  ],
  mark: 50,
  text: 'I feel more confident when I order something.',
}

/** The evidence of one session that took its whole effect; a test takes away or adds. */
export function evidenceOf(change: Partial<Effects> = {}, rest: Partial<Evidence> = {}): Evidence {
  const { partner, kind, thing, reportedAt } = report
  const event = { tenantId, partner: null, kind: null, thing: null, reportedAt: null, activityId: null, unsent: false }
  const activity = { tenantId, partner, kind, thing, reportedAt, reportedBy: 'event', standing: true }
  const effects: Effects = {
    events: [
      {
        ...event,
        service: 'ingest',
        id: 'event',
        type: 'ingest.session.completed.v1',
        causedBy: 'delivery',
        partner,
        kind,
        thing,
        reportedAt,
      },
      {
        ...event,
        service: 'profile',
        id: 'told-1',
        type: 'profile.activity.recorded.v1',
        causedBy: 'event',
        activityId: 'activity-1',
      },
      {
        ...event,
        service: 'profile',
        id: 'told-2',
        type: 'profile.activity.recorded.v1',
        causedBy: 'event',
        activityId: 'activity-2',
      },
      {
        ...event,
        service: 'safety',
        id: 'screened',
        type: 'safety.text.screened.v1',
        causedBy: 'event',
        activityId: 'activity-1',
        reportedAt,
      },
      {
        ...event,
        service: 'q2q',
        id: 'scored',
        type: 'q2q.outcome.scored.v1',
        causedBy: 'screened',
        activityId: 'activity-1',
      },
    ],
    activities: [
      { ...activity, id: 'activity-1', role: 'participant' },
      { ...activity, id: 'activity-2', role: 'volunteer' },
    ],
    screenings: [{ tenantId, activityId: 'activity-1', reportedAt }],
    outcomes: [{ tenantId, activityId: 'activity-1', id: 'outcome', screenedBy: 'screened', shownId: 'outcome' }],
    records: ['event', 'told-1', 'told-2', 'screened', 'scored'],
    parked: [],
    deadLetters: [],
    ...change,
  }
  const promised = [{ report, fate: 'accepted' }] as const
  return { promised, tenantIds: [tenantId], effects, underWay: [], planted: new Set(), ...rest }
}
