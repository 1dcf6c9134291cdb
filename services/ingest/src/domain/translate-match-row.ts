import type { MatchRow } from '@csr/contracts/imports/buddy-match'
import { namedPerson } from './named-person.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { MatchReport } from './translation.ts'

const dayCharacters = 10

/** A row of `buddy.match@1.0` in our words. A match without an id is participant, buddy and day. */
export function translateMatchRow(row: MatchRow, arrivedAt: string): MatchReport {
  const matchedAt = toInstant(row.matched_at)
  return {
    kind: 'match.created',
    partner: 'buddy',
    identity: { by: 'people', parts: [matchedAt.slice(0, dayCharacters)] },
    reportedAt: arrivedAt,
    occurredAt: matchedAt,
    precision: precisionOf(row.matched_at),
    programme: null,
    people: [
      namedPerson('participant', { email: row.participant_email }),
      namedPerson('buddy', { email: row.buddy_email }),
    ],
    rating: null,
    text: null,
    details: { status: row.status, language: row.language },
    kept: row.interests || row.location ? { interests: row.interests, location: row.location } : null,
  }
}
