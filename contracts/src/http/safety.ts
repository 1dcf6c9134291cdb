import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { safetyCategory, safetyReason, safetyVerdict } from '../events/safety.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

export const screeningRequest = z.strictObject({ text: z.string().min(1).max(5_000) })

/** `text` is what may be read on: personal details replaced; null where the verdict is `review` or `block`. */
export const screeningAnswer = z.object({
  verdict: safetyVerdict,
  reasons: z.array(safetyReason),
  policy: z.string(),
  text: z.string().nullable(),
})
export type ScreeningAnswer = z.infer<typeof screeningAnswer>

export const safetyReview = z.object({
  id: uuid,
  activityId: uuid,
  authorId: uuid,
  categories: z.array(safetyCategory),
  urgency: z.enum(['normal', 'high', 'immediate']),
  state: z.enum(['open', 'decided']),
  requestedAt: instant,
  dueAt: instant,
})
export type SafetyReview = z.infer<typeof safetyReview>

export const createScreening = operation({
  method: 'POST',
  path: '/v1/safety/screenings',
  summary: 'Screens a text and answers what may be read of it; nothing is kept. Needs safety:review, or comes from q2q',
  changesNothing: true,
  permission: 'signed-in',
  callers: ['gateway', 'q2q'],
  body: screeningRequest,
  answers: { 200: screeningAnswer },
  problems: ['permission-denied'],
})

export const listReviews = operation({
  method: 'GET',
  path: '/v1/safety/reviews',
  summary: 'Lists texts that wait for a person, newest first',
  permission: 'safety:review',
  query: listQuery,
  answers: { 200: listOf(safetyReview) },
})

export const safetyOperations = [createScreening, listReviews]
