import { z } from 'zod'
import { instant, sealedText, uuid } from './envelope.ts'

export const employabilitySignal = z.enum([
  'job_search',
  'skills_gained',
  'networking',
  'resume_improvement',
  'interview_prep',
  'certification',
  'portfolio_building',
  'career_goal_setting',
])

export const riskCue = z.enum([
  'isolation',
  'frustration',
  'disengagement',
  'anxiety',
  'dropout_indication',
  'confusion',
  'negative_self_talk',
  'lack_of_support',
])

export const outcomeLabels = z.object({
  confidenceIncrease: z.boolean(),
  confidenceDecrease: z.boolean(),
  belongingIncrease: z.boolean(),
  belongingDecrease: z.boolean(),
  languageComfort: z.enum(['low', 'medium', 'high']).nullable(),
  employabilitySignals: z.array(employabilitySignal),
  riskCues: z.array(riskCue),
})
export type OutcomeLabels = z.infer<typeof outcomeLabels>

const score = z.number().min(0).max(1).nullable()

/** 0..1 each: 0.5 is no change, above it gain, below it loss; null where the text says nothing. */
export const outcomeScores = z.object({
  confidence: score,
  belonging: score,
  languageLevel: score,
  jobReadiness: score,
  wellBeing: score,
})
export type OutcomeScores = z.infer<typeof outcomeScores>

/** A verbatim span of the screened text: UTF-16 offsets, end exclusive. */
export const evidenceSpan = z.object({
  label: z.string().max(60),
  start: z.number().int().min(0),
  end: z.number().int().min(1),
  text: z.string(),
})
export type EvidenceSpan = z.infer<typeof evidenceSpan>

export const withheldReason = z.enum(['language-unsupported', 'too-short', 'screened-out', 'objected', 'nothing-said'])
export type WithheldReason = z.infer<typeof withheldReason>

/** One text became scores. `evidence` is the JSON of the spans, sealed for the subject. */
export const outcomeScored = z.object({
  outcomeId: uuid,
  activityId: uuid,
  subjectId: uuid,
  reportedAt: instant,
  labels: outcomeLabels,
  scores: outcomeScores,
  evidence: sealedText,
  language: z.string().max(10),
  model: z.string().max(100),
  version: z.string().max(50),
  rubric: z.string().max(100),
  policy: z.string().max(100),
  scoredAt: instant,
})
export type OutcomeScored = z.infer<typeof outcomeScored>

export const outcomeWithheld = z.object({
  outcomeId: uuid,
  activityId: uuid,
  subjectId: uuid,
  reportedAt: instant,
  withheld: withheldReason,
})
export type OutcomeWithheld = z.infer<typeof outcomeWithheld>

export const q2qEvents = {
  'q2q.outcome.scored.v1': outcomeScored,
  'q2q.outcome.withheld.v1': outcomeWithheld,
} as const
