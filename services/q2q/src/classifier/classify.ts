import type { EvidenceSpan, OutcomeLabels, OutcomeScores } from '@csr/contracts/events/q2q'
import { findFeatures, type FeatureHit } from './find-features.ts'
import { weights } from './weights.ts'

export type Classification = {
  readonly labels: OutcomeLabels
  readonly scores: OutcomeScores
  readonly evidence: readonly EvidenceSpan[]
}

type Dimension = keyof OutcomeScores
type Sums = { gain: number; loss: number; spoken: boolean }

const dimensions: readonly Dimension[] = ['confidence', 'belonging', 'languageLevel', 'jobReadiness', 'wellBeing']

/** Labels, scores and evidence of a screened English text; null where no phrase of the weights file occurs. */
export function classify(text: string): Classification | null {
  const hits = findFeatures(text)
  if (hits.length === 0) return null
  const sums = sumUp(hits)
  const spoken = hits.filter(({ negated }) => !negated)
  return {
    labels: {
      confidenceIncrease: sums.confidence.gain >= weights.labelThreshold,
      confidenceDecrease: sums.confidence.loss >= weights.labelThreshold,
      belongingIncrease: sums.belonging.gain >= weights.labelThreshold,
      belongingDecrease: sums.belonging.loss >= weights.labelThreshold,
      languageComfort: comfortOf(sums.languageLevel),
      employabilitySignals: [...new Set(spoken.flatMap(({ feature }) => feature.signals))],
      riskCues: [...new Set(spoken.flatMap(({ feature }) => feature.cues))],
    },
    scores: {
      confidence: scoreOf(sums.confidence),
      belonging: scoreOf(sums.belonging),
      languageLevel: scoreOf(sums.languageLevel),
      jobReadiness: scoreOf(sums.jobReadiness),
      wellBeing: scoreOf(sums.wellBeing),
    },
    evidence: hits.flatMap((hit) => evidenceOf(hit, text)),
  }
}

function sumUp(hits: readonly FeatureHit[]): Record<Dimension, Sums> {
  const sums = Object.fromEntries(
    dimensions.map((dimension) => [dimension, { gain: 0, loss: 0, spoken: false }]),
  ) as Record<Dimension, Sums>
  for (const hit of hits) {
    for (const dimension of dimensions) {
      const weight = weightOf(hit, dimension)
      if (weight === 0) continue
      sums[dimension].spoken = true
      if (weight > 0) sums[dimension].gain += weight
      else sums[dimension].loss -= weight
    }
  }
  return sums
}

function weightOf({ feature, negated }: FeatureHit, dimension: Dimension): number {
  return (feature.scores[dimension] ?? 0) * (negated ? weights.negation.factor : 1)
}

/** The logistic function of gains less losses, to three decimals; null where nothing was said. */
function scoreOf({ gain, loss, spoken }: Sums): number | null {
  if (!spoken) return null
  return Math.round(1_000 / (1 + Math.exp(loss - gain))) / 1_000
}

function comfortOf({ gain, loss, spoken }: Sums): OutcomeLabels['languageComfort'] {
  if (!spoken) return null
  const sum = gain - loss
  return sum <= weights.comfort.low ? 'low' : sum >= weights.comfort.high ? 'high' : 'medium'
}

/** The labels one hit speaks for, each with the span it rests on. */
function evidenceOf(hit: FeatureHit, text: string): EvidenceSpan[] {
  const { start, end, feature, negated } = hit
  const labels = dimensions.flatMap((dimension) => labelOf(dimension, weightOf(hit, dimension)) ?? [])
  if (!negated) labels.push(...feature.signals, ...feature.cues)
  return labels.map((label) => ({ label, start, end, text: text.slice(start, end) }))
}

function labelOf(dimension: Dimension, weight: number): string | null {
  if (weight === 0) return null
  const direction = weight > 0 ? 'Increase' : 'Decrease'
  return dimension === 'confidence' || dimension === 'belonging' ? `${dimension}${direction}` : dimension
}
