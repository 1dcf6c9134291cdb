import { employabilitySignal, riskCue } from '@csr/contracts/events/q2q'
import { z } from 'zod'
import english from './weights.en.json' with { type: 'json' }

const weight = z.number().min(-5).max(5)

const feature = z.strictObject({
  id: z.string(),
  phrases: z.array(z.string().min(1)).min(1),
  scores: z.strictObject({
    confidence: weight.optional(),
    belonging: weight.optional(),
    languageLevel: weight.optional(),
    jobReadiness: weight.optional(),
    wellBeing: weight.optional(),
  }),
  signals: z.array(employabilitySignal).default([]),
  cues: z.array(riskCue).default([]),
})

const weightFile = z.strictObject({
  model: z.string(),
  version: z.string(),
  rubric: z.string(),
  language: z.literal('en'),
  /** sum of weights from which a label is set */
  labelThreshold: z.number().positive(),
  /** sums of the language score under and over which comfort is low and high */
  comfort: z.strictObject({ low: z.number(), high: z.number() }),
  /** a word of the list up to `reach` words before a phrase multiplies its weights by `factor` */
  negation: z.strictObject({ words: z.array(z.string()), reach: z.int().min(1), factor: z.number() }),
  features: z.array(feature).min(1),
})

export type Feature = z.output<typeof feature>
export type Weights = z.output<typeof weightFile>

/** The one place where what counts, and how much, is decided. */
export const weights: Weights = weightFile.parse(english)
