import { buddyPropertyNames, buddyWebhook, type BuddyFeedback } from '@csr/contracts/partners/buddy'
import { namedPerson } from './named-person.ts'
import { parsePartnerBody } from './parse-partner-body.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { FeedbackReport, Translation } from './translation.ts'

/** A Buddy webhook body in our words. Buddy names no programmes, so the endpoint's counts. */
export function translateBuddy(body: unknown, endpointProgramme: string | null): Translation {
  const parsed = parsePartnerBody(body, { schema: buddyWebhook, propertyNames: buddyPropertyNames })
  if (parsed.outcome === 'misshapen') return parsed
  const { timestamp, data } = parsed.body
  return { outcome: 'report', report: feedbackReport(data, toInstant(timestamp), endpointProgramme) }
}

function feedbackReport(feedback: BuddyFeedback, reportedAt: string, programme: string | null): FeedbackReport {
  return {
    kind: 'feedback.submitted',
    partner: 'buddy',
    identity: { by: 'source', sourceId: feedback.feedbackId },
    reportedAt,
    occurredAt: toInstant(feedback.submittedAt),
    precision: precisionOf(feedback.submittedAt),
    programme,
    people: [namedPerson(feedback.fromRole, feedback.author)],
    rating: feedback.rating ?? null,
    text: feedback.feedbackText ? { author: 0, value: feedback.feedbackText } : null,
    details: { fromRole: feedback.fromRole, about: { kind: 'match', sourceId: feedback.matchId } },
    kept: null,
  }
}
