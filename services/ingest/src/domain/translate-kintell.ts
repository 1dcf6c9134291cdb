import { kintellPropertyNames, kintellWebhook, type KintellSession } from '@csr/contracts/partners/kintell'
import { parsePartnerBody } from './parse-partner-body.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { NamedPerson, SessionReport, Translation } from './translation.ts'

/** A Kintell webhook body in our words. `endpointProgramme` stands in where the body names no programme. */
export function translateKintell(body: unknown, endpointProgramme: string | null): Translation {
  const parsed = parsePartnerBody(body, { schema: kintellWebhook, propertyNames: kintellPropertyNames })
  if (parsed.outcome === 'misshapen') return parsed
  const { timestamp, data } = parsed.body
  return { outcome: 'report', report: sessionReport(data, toInstant(timestamp), endpointProgramme) }
}

function sessionReport(session: KintellSession, reportedAt: string, endpointProgramme: string | null): SessionReport {
  const occurred = session.completedAt ?? session.scheduledAt
  return {
    kind: 'session.completed',
    partner: 'kintell',
    sourceId: session.sessionId,
    reportedAt,
    occurredAt: toInstant(occurred),
    precision: precisionOf(occurred),
    programme: session.programme ?? endpointProgramme,
    people: [personIn('participant', session.participant), personIn('volunteer', session.volunteer)],
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
  }
}

function personIn(role: NamedPerson['role'], person: KintellSession['participant']): NamedPerson {
  return {
    role,
    email: person.email.normalize('NFC').toLowerCase(),
    name: person.name || null,
    phone: person.phone || null,
    externalId: person.externalId || null,
  }
}
