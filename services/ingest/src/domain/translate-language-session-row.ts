import type { LanguageSessionRow } from '@csr/contracts/imports/kintell-language-session'
import { namedPerson } from './named-person.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { SessionReport } from './translation.ts'

/** A row of `kintell.language-session@1.1` in our words; the file's arrival is the partner's time of every row. */
export function translateLanguageSessionRow(row: LanguageSessionRow, arrivedAt: string): SessionReport {
  const occurred = row.completed_at ?? row.scheduled_at
  return {
    kind: 'session.completed',
    partner: 'kintell',
    identity: { by: 'source', sourceId: row.session_id },
    reportedAt: arrivedAt,
    occurredAt: toInstant(occurred),
    precision: precisionOf(occurred),
    programme: null,
    people: [
      namedPerson('participant', { email: row.participant_email }),
      namedPerson('volunteer', { email: row.volunteer_email }),
    ],
    rating: row.rating,
    text: row.feedback_text ? { author: 0, value: row.feedback_text } : null,
    details: {
      sessionType: 'language',
      scheduledAt: toInstant(row.scheduled_at),
      completedAt: row.completed_at ? toInstant(row.completed_at) : null,
      durationMinutes: row.duration_minutes,
      languageLevel: row.language_level,
      topics: row.topics,
    },
    kept: row.metadata ? { metadata: row.metadata } : null,
  }
}
