import { z } from 'zod'
import { instant, sealedText, uuid } from './envelope.ts'

export const safetyCategory = z.enum([
  'hate',
  'harassment',
  'threat',
  'self_harm',
  'sexual',
  'violence',
  'profanity',
  'pii_leak',
  'spam',
])
export type SafetyCategory = z.infer<typeof safetyCategory>

export const safetyVerdict = z.enum(['allow', 'mask', 'review', 'block'])
export type SafetyVerdict = z.infer<typeof safetyVerdict>

/** Why a rule spoke: its id, its category, how often. Never the words themselves. */
export const safetyReason = z.object({
  rule: z.string().max(100),
  category: safetyCategory,
  count: z.number().int().min(1),
})
export type SafetyReason = z.infer<typeof safetyReason>

/**
 * One text was screened. `text` is what may be read from now on (personal details replaced), sealed for its author; null
 * where the verdict is `review` or `block`, so that nothing unscreened travels on.
 */
export const textScreened = z.object({
  screeningId: uuid,
  activityId: uuid,
  authorId: uuid,
  reportedAt: instant,
  occurredAt: instant,
  verdict: safetyVerdict,
  reasons: z.array(safetyReason).max(50),
  policy: z.string().max(100),
  text: sealedText.nullable(),
})
export type TextScreened = z.infer<typeof textScreened>

/** A text waits for a person; self-harm and threats carry the shortest due time. */
export const reviewRequested = z.object({
  reviewId: uuid,
  screeningId: uuid,
  activityId: uuid,
  authorId: uuid,
  categories: z.array(safetyCategory).min(1),
  urgency: z.enum(['normal', 'high', 'immediate']),
  dueAt: instant,
})
export type ReviewRequested = z.infer<typeof reviewRequested>

export const safetyEvents = {
  'safety.text.screened.v1': textScreened,
  'safety.review.requested.v1': reviewRequested,
} as const
