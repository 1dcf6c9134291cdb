import {
  safetyCategory,
  type SafetyCategory,
  type SafetyReason,
  type SafetyVerdict,
} from '@csr/contracts/events/safety'
import { z } from 'zod'
import { findPhrases, indexPhrases } from './find-phrases.ts'
import lexiconFile from './lexicon.json' with { type: 'json' }
import { maskPersonalDetails } from './mask-personal-details.ts'
import policyFile from './policy.json' with { type: 'json' }

export type Urgency = 'normal' | 'high' | 'immediate'

export type Screening = {
  readonly verdict: SafetyVerdict
  readonly reasons: readonly SafetyReason[]
  /** what may be read from now on; null where a person has to decide first, or nobody may read it */
  readonly text: string | null
  /** set where the verdict is `review` */
  readonly review: {
    readonly categories: SafetyCategory[]
    readonly urgency: Urgency
    readonly dueHours: number
  } | null
}

const verdict = z.enum(['allow', 'mask', 'review', 'block'])
const urgency = z.object({ urgency: z.enum(['normal', 'high', 'immediate']), dueHours: z.number().positive() })
const lexicon = z
  .array(z.object({ id: z.string(), category: safetyCategory, terms: z.array(z.string()).min(1) }))
  .parse(lexiconFile)
const policy = z
  .object({
    version: z.string(),
    verdicts: z.record(safetyCategory, verdict),
    urgencies: z.partialRecord(safetyCategory, urgency),
  })
  .parse(policyFile)

const phrases = indexPhrases(lexicon)
const categoryOf = new Map(lexicon.map(({ id, category }) => [id, category]))
const severity: readonly SafetyVerdict[] = ['allow', 'mask', 'review', 'block']
const urgencyOrder: readonly Urgency[] = ['normal', 'high', 'immediate']

/** Which rules decided; recorded with every screening. */
export const policyVersion = policy.version

/**
 * Screens one text: personal details are replaced first, then phrases are looked for, then the most severe verdict of all
 * categories counts. Self-harm and threats reach a person even where another category alone would block.
 */
export function screenText(text: string): Screening {
  const masked = maskPersonalDetails(text)
  const reasons = [...piiReasons(masked.rules), ...phraseReasons(text)]
  const categories = [...new Set(reasons.map(({ category }) => category))]
  const decided = verdictOf(categories)
  return {
    verdict: decided,
    reasons,
    text: decided === 'allow' || decided === 'mask' ? masked.text : null,
    review: decided === 'review' ? reviewOf(categories) : null,
  }
}

function piiReasons(rules: ReadonlyMap<string, number>): SafetyReason[] {
  return [...rules].map(([rule, count]) => ({ rule, category: 'pii_leak', count }))
}

function phraseReasons(text: string): SafetyReason[] {
  const counts = new Map<string, number>()
  for (const { rule } of findPhrases(text, phrases)) counts.set(rule, (counts.get(rule) ?? 0) + 1)
  return [...counts].flatMap(([rule, count]) => {
    const category = categoryOf.get(rule)
    return category ? [{ rule, category, count }] : []
  })
}

function verdictOf(categories: readonly SafetyCategory[]): SafetyVerdict {
  if (categories.includes('self_harm') || categories.includes('threat')) return 'review'
  const verdicts = new Set(categories.map((category) => policy.verdicts[category]))
  return severity.findLast((candidate) => verdicts.has(candidate)) ?? 'allow'
}

function reviewOf(categories: readonly SafetyCategory[]): Screening['review'] {
  const asked = categories.flatMap((category) => policy.urgencies[category] ?? [])
  const level =
    urgencyOrder.findLast((candidate) => asked.some(({ urgency: wanted }) => wanted === candidate)) ?? 'normal'
  const concerned = categories.filter((category) => policy.verdicts[category] !== 'allow' && category !== 'pii_leak')
  return { categories: concerned, urgency: level, dueHours: Math.min(...asked.map(({ dueHours }) => dueHours)) }
}
