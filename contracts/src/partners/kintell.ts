import { z } from 'zod'
import { namedPerson, programmeName, propertyNamesOf, reportedInstant, reportedTime, sourceId } from './fields.ts'

export const kintellSession = z.object({
  sessionId: sourceId,
  sessionType: z.enum(['language', 'mentorship']),
  participant: namedPerson,
  volunteer: namedPerson,
  scheduledAt: reportedTime,
  completedAt: reportedTime.nullish(),
  durationMinutes: z.int().min(1).max(480).nullish(),
  rating: z.number().min(0).max(1).nullish(),
  feedbackText: z.string().max(5_000).nullish(),
  languageLevel: z.enum(['A1', 'A2', 'B1', 'B2', 'C1', 'C2']).nullish(),
  topics: z.array(z.string().max(100)).max(50).nullish(),
  programme: programmeName.nullish(),
})
export type KintellSession = z.infer<typeof kintellSession>

/** What one of the two said about a session, in a report of its own; the session may come later or never. */
export const kintellRating = z.object({
  ratingId: sourceId,
  sessionId: sourceId,
  fromRole: z.enum(['participant', 'volunteer']),
  author: namedPerson,
  rating: z.number().min(0).max(1),
  feedbackText: z.string().max(5_000).nullish(),
  createdAt: reportedTime,
})
export type KintellRating = z.infer<typeof kintellRating>

/** The body of a Kintell webhook (the Standard Webhooks body). */
export const kintellWebhook = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session.completed'), timestamp: reportedInstant, data: kintellSession }),
  z.object({ type: z.literal('rating.created'), timestamp: reportedInstant, data: kintellRating }),
])
export type KintellWebhook = z.infer<typeof kintellWebhook>

export const kintellPropertyNames = propertyNamesOf(kintellWebhook)
