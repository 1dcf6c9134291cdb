import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { evidenceSpan, outcomeLabels, outcomeScores, withheldReason } from '../events/q2q.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

/** Labels, scores and evidence of one text. Evidence text is there only for callers with `profile:read-personal`. */
export const scoredOutcome = z.object({
  id: uuid,
  activityId: uuid,
  labels: outcomeLabels,
  scores: outcomeScores,
  evidence: z.array(evidenceSpan.partial({ text: true })),
  language: z.string(),
  model: z.string(),
  version: z.string(),
  rubric: z.string(),
  policy: z.string(),
  scoredAt: instant,
})

/** A text that was not scored, and why. */
export const withheldOutcome = z.object({ id: uuid, activityId: uuid, withheld: withheldReason })

export const outcome = z.union([scoredOutcome, withheldOutcome])
export type Outcome = z.infer<typeof outcome>

export const scoreRequest = z.strictObject({ text: z.string().min(1).max(5_000) })

/** Scores of a text that belongs to nobody; nothing is kept. */
export const scoreAnswer = z.union([
  scoredOutcome.omit({ id: true, activityId: true, scoredAt: true }),
  z.object({ withheld: withheldReason }),
])
export type ScoreAnswer = z.infer<typeof scoreAnswer>

/** Mean scores over at least five people; null where fewer people have a score. */
export const outcomeSummary = z.object({
  people: z.number().int().nullable(),
  outcomes: z.number().int().nullable(),
  suppressed: z.boolean(),
  scores: outcomeScores,
})
export type OutcomeSummary = z.infer<typeof outcomeSummary>

export const listOutcomes = operation({
  method: 'GET',
  path: '/v1/profiles/:id/outcomes',
  summary: 'Outcomes of one person, newest first, with evidence',
  permission: 'outcomes:read',
  params: z.object({ id: uuid }),
  query: listQuery,
  answers: { 200: listOf(outcome) },
  problems: ['resource-not-found'],
})

export const getOutcomeSummary = operation({
  method: 'GET',
  path: '/v1/outcomes/summary',
  summary: 'Mean scores of the tenant; cohorts under five people are suppressed',
  permission: 'outcomes:read',
  answers: { 200: outcomeSummary },
})

export const createScore = operation({
  method: 'POST',
  path: '/v1/outcomes/scores',
  summary: 'Scores a text without keeping it',
  changesNothing: true,
  permission: 'outcomes:read',
  body: scoreRequest,
  answers: { 200: scoreAnswer },
})

export const q2qOperations = [listOutcomes, getOutcomeSummary, createScore]
