/** A word of a text with its place: UTF-16 offsets, end exclusive. */
type Word = { readonly form: string; readonly start: number; readonly end: number }

export type Phrase = { readonly rule: string; readonly words: readonly string[] }
export type PhraseHit = { readonly rule: string; readonly start: number; readonly end: number }

/** Phrases by their first word, so that a text is read once, word by word. */
export type PhraseIndex = ReadonlyMap<string, readonly Phrase[]>

const wordPattern = /[\p{L}\p{M}\p{N}'’]+/gu
const invisible = /[\u00AD\u200B-\u200F\u2060\uFEFF]/g

export function indexPhrases(
  rules: readonly { readonly id: string; readonly terms: readonly string[] }[],
): PhraseIndex {
  const index = new Map<string, Phrase[]>()
  for (const { id, terms } of rules) {
    for (const term of terms) {
      const words = wordsOf(term).map(({ form }) => form)
      const [first] = words
      if (first === undefined) continue
      const phrases = index.get(first) ?? []
      phrases.push({ rule: id, words })
      index.set(first, phrases)
    }
  }
  return index
}

/** Every phrase that occurs, in time linear in the text: words are compared in their normal form. */
export function findPhrases(text: string, index: PhraseIndex): PhraseHit[] {
  const words = wordsOf(text)
  const hits: PhraseHit[] = []
  for (const [position, word] of words.entries()) {
    for (const phrase of index.get(word.form) ?? []) {
      const last = words[position + phrase.words.length - 1]
      if (last && phrase.words.every((form, offset) => words[position + offset]?.form === form)) {
        hits.push({ rule: phrase.rule, start: word.start, end: last.end })
      }
    }
  }
  return hits
}

function wordsOf(text: string): Word[] {
  return [...text.replace(invisible, (mark) => ' '.repeat(mark.length)).matchAll(wordPattern)].map((match) => ({
    form: normalForm(match[0]),
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** Compatibility forms, case and kinds of apostrophes do not hide a word. */
function normalForm(word: string): string {
  return word.normalize('NFKC').toLowerCase().replaceAll('’', "'")
}
