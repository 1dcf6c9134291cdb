import { z } from 'zod'
import { namedPerson, propertyNamesOf, reportedInstant, reportedTime, sourceId } from './fields.ts'

/** What one of the two said about their match; the match may come later or never. */
export const buddyFeedback = z.object({
  feedbackId: sourceId,
  matchId: sourceId,
  fromRole: z.enum(['participant', 'buddy']),
  author: namedPerson,
  rating: z.number().min(0).max(1).nullish(),
  feedbackText: z.string().max(5_000).nullish(),
  submittedAt: reportedTime,
})
export type BuddyFeedback = z.infer<typeof buddyFeedback>

/** The body of a Buddy webhook (the Standard Webhooks body). */
export const buddyWebhook = z.discriminatedUnion('type', [
  z.object({ type: z.literal('feedback.submitted'), timestamp: reportedInstant, data: buddyFeedback }),
])
export type BuddyWebhook = z.infer<typeof buddyWebhook>

export const buddyPropertyNames = propertyNamesOf(buddyWebhook)
