import { kintellPropertyNames, kintellWebhook } from '@csr/contracts/partners/kintell'
import type { KintellRating, KintellSession } from '@csr/contracts/partners/kintell'
import { namedPerson } from './named-person.ts'
import { parsePartnerBody } from './parse-partner-body.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { RatingReport, SessionReport, Translation } from './translation.ts'

/** A Kintell webhook body in our words. `endpointProgramme` stands in where the body names no programme. */
export function translateKintell(body: unknown, endpointProgramme: string | null): Translation {
  const parsed = parsePartnerBody(body, { schema: kintellWebhook, propertyNames: kintellPropertyNames })
  if (parsed.outcome === 'misshapen') return parsed
  const { type, timestamp, data } = parsed.body
  const reportedAt = toInstant(timestamp)
  switch (type) {
    case 'session.completed':
      return { outcome: 'report', report: sessionReport(data, reportedAt, endpointProgramme) }
    case 'rating.created':
      return { outcome: 'report', report: ratingReport(data, reportedAt, endpointProgramme) }
  }
}

function sessionReport(session: KintellSession, reportedAt: string, endpointProgramme: string | null): SessionReport {
  const occurred = session.completedAt ?? session.scheduledAt
  return {
    kind: 'session.completed',
    partner: 'kintell',
    identity: { by: 'source', sourceId: session.sessionId },
    reportedAt,
    occurredAt: toInstant(occurred),
    precision: precisionOf(occurred),
    programme: session.programme ?? endpointProgramme,
    people: [namedPerson('participant', session.participant), namedPerson('volunteer', session.volunteer)],
    rating: session.rating ?? null,
    // A session's text is the participant's, whoever typed it in.
    text: session.feedbackText ? { author: 0, value: session.feedbackText } : null,
    details: {
      sessionType: session.sessionType,
      scheduledAt: toInstant(session.scheduledAt),
      completedAt: session.completedAt ? toInstant(session.completedAt) : null,
      durationMinutes: session.durationMinutes ?? null,
      languageLevel: session.languageLevel ?? null,
      topics: session.topics ?? [],
    },
    kept: null,
  }
}

function ratingReport(rating: KintellRating, reportedAt: string, programme: string | null): RatingReport {
  return {
    kind: 'rating.created',
    partner: 'kintell',
    identity: { by: 'source', sourceId: rating.ratingId },
    reportedAt,
    occurredAt: toInstant(rating.createdAt),
    precision: precisionOf(rating.createdAt),
    programme,
    people: [namedPerson(rating.fromRole, rating.author)],
    rating: rating.rating,
    text: rating.feedbackText ? { author: 0, value: rating.feedbackText } : null,
    details: { fromRole: rating.fromRole, about: { kind: 'session', sourceId: rating.sessionId } },
    kept: null,
  }
}
