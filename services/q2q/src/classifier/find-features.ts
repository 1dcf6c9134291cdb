import { weights, type Feature } from './weights.ts'

/** A phrase of a feature in a text: UTF-16 offsets, end exclusive. */
export type FeatureHit = {
  readonly feature: Feature
  readonly negated: boolean
  readonly start: number
  readonly end: number
}

type Word = { readonly form: string; readonly start: number; readonly end: number; readonly sentence: number }
type Phrase = { readonly feature: Feature; readonly forms: readonly string[] }

const wordPattern = /[\p{L}\p{M}\p{N}'’-]+|[.!?;\n]/gu
const negations = new Set(weights.negation.words)

/** Phrases by their first word, the longest first, so that `more confident` is one hit and not two. */
const phrases: ReadonlyMap<string, readonly Phrase[]> = indexPhrases(weights.features)

/** Every phrase of the weights file in a text, longest first, no span counted twice; linear in the text. */
export function findFeatures(text: string): FeatureHit[] {
  const words = wordsOf(text)
  const hits: FeatureHit[] = []
  for (let position = 0; position < words.length;) {
    const found = phraseAt(words, position)
    if (found)
      hits.push({ feature: found.feature, negated: isNegated(words, position), ...spanOf(words, position, found) })
    position += found ? found.forms.length : 1
  }
  return hits
}

/** How many words a text has. */
export function countWords(text: string): number {
  return wordsOf(text).length
}

function indexPhrases(features: readonly Feature[]): Map<string, Phrase[]> {
  const index = new Map<string, Phrase[]>()
  for (const feature of features) {
    for (const phrase of feature.phrases) {
      const forms = wordsOf(phrase).map(({ form }) => form)
      const first = forms[0] ?? ''
      index.set(first, [...(index.get(first) ?? []), { feature, forms }])
    }
  }
  for (const list of index.values()) list.sort((a, b) => b.forms.length - a.forms.length)
  return index
}

function wordsOf(text: string): Word[] {
  const words: Word[] = []
  let sentence = 0
  for (const match of text.matchAll(wordPattern)) {
    if (/^[.!?;\n]$/.test(match[0])) sentence += 1
    else words.push({ form: normalForm(match[0]), start: match.index, end: match.index + match[0].length, sentence })
  }
  return words
}

function normalForm(word: string): string {
  return word.normalize('NFKC').toLowerCase().replaceAll('’', "'")
}

function phraseAt(words: readonly Word[], position: number): Phrase | undefined {
  const candidates = phrases.get(words[position]?.form ?? '') ?? []
  return candidates.find(({ forms }) => forms.every((form, offset) => words[position + offset]?.form === form))
}

function spanOf(words: readonly Word[], position: number, { forms }: Phrase): { start: number; end: number } {
  return { start: words[position]?.start ?? 0, end: words[position + forms.length - 1]?.end ?? 0 }
}

/** A negation counts inside its own sentence only, up to the reach of the weights file. */
function isNegated(words: readonly Word[], position: number): boolean {
  const { sentence } = words[position] ?? {}
  const before = words.slice(Math.max(0, position - weights.negation.reach), position)
  return before.some((word) => word.sentence === sentence && negations.has(word.form))
}
