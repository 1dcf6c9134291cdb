import { z } from 'zod'
import { email, oneOf, optional, when } from './cells.ts'

/** `buddy.match@1.0` */
export const matchRow = z.object({
  participant_email: email,
  buddy_email: email,
  matched_at: when,
  status: oneOf(['active', 'inactive', 'ended']),
  language: optional(z.string().trim().max(100)).default(null),
  interests: optional(z.string().max(2_000)).default(null),
  location: optional(z.string().max(500)).default(null),
})
export type MatchRow = z.output<typeof matchRow>
