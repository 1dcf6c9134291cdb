import { z } from 'zod'
import { email, jsonObject, list, number, oneOf, optional, text, when, wholeNumber } from './cells.ts'

/** `kintell.language-session@1.1` */
export const languageSessionRow = z.object({
  session_id: text(200),
  participant_email: email,
  volunteer_email: email,
  scheduled_at: when,
  completed_at: optional(when).default(null),
  duration_minutes: optional(wholeNumber(1, 480)).default(null),
  rating: optional(number(0, 1)).default(null),
  feedback_text: optional(z.string().max(5_000)).default(null),
  language_level: optional(oneOf(['A1', 'A2', 'B1', 'B2', 'C1', 'C2'])).default(null),
  topics: list.default([]),
  metadata: optional(jsonObject).default(null),
})
export type LanguageSessionRow = z.output<typeof languageSessionRow>
