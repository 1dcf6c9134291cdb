import type { WithheldReason } from '@csr/contracts/events/q2q'
import { classify, type Classification } from './classify.ts'
import { countWords } from './find-features.ts'
import { recogniseLanguage, wordsMin } from './recognise-language.ts'
import { weights } from './weights.ts'

export type Scored = Classification & {
  readonly language: string
  readonly model: string
  readonly version: string
  readonly rubric: string
}

/** Scores a screened text, or says why not: a language that is not understood is withheld, never guessed. */
export function scoreText(text: string): Scored | { readonly withheld: WithheldReason } {
  if (countWords(text) < wordsMin) return { withheld: 'too-short' }
  const language = recogniseLanguage(text)
  if (language !== weights.language) return { withheld: 'language-unsupported' }
  const classification = classify(text)
  if (!classification) return { withheld: 'nothing-said' }
  const { model, version, rubric } = weights
  return { ...classification, language, model, version, rubric }
}
