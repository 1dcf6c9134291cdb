/** Token ids below 400 are fixed; words that rules or classes name come after. */
export const tokenId = {
  word: 0,
  number: 1,
  start: 2,
  end: 3,
  nul: 4,
  hexNumber: 5,
  longNumber: 6,
  octalNumber: 7,
  /** `'` between two letters, as in O'Brien */
  apostrophe: 8,
  /** quotes that open: the first, third, fifth … of their kind */
  openingSingle: 9,
  openingDouble: 10,
} as const

const firstMark = 20
const marksPerCode = 3
const firstWord = 400

/** One, two, or three and more of the same mark are three different tokens. */
export function markId(code: number, run: number): number {
  return firstMark + (code - 0x21) * marksPerCode + Math.min(run, marksPerCode) - 1
}

/** The words that rules know, found by their letters without making a string of them. */
export interface Vocabulary {
  readonly size: number
  /** kind of each id, once rules are compiled: ids that no rule tells apart are one kind */
  readonly kindOf: Uint16Array
  /** id of a word that is known, by the hash of its folded letters; `word` otherwise */
  find(hash: number, letters: Uint16Array, length: number): number
  /** id of a word or mark as rules write it */
  idOf(literal: string): number
  /** ids of all words, and of those that are numbers */
  readonly words: readonly number[]
  readonly numbers: readonly number[]
}

export const hashStart = 0x811c9dc5
/** FNV-1a over the code units of a word. */
export const hashNext = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193)

const slots = 8_192

export function createVocabulary(words: Iterable<string>): Vocabulary {
  const ids = new Map<string, number>()
  const table = new Uint16Array(slots)
  const spelled: Uint16Array[] = []
  for (const word of words) {
    if (ids.has(word)) continue
    const letters = Uint16Array.from(word, (letter) => letter.charCodeAt(0))
    ids.set(word, firstWord + spelled.length)
    spelled.push(letters)
    let slot = slotOf(letters.reduce(hashNext, hashStart))
    while (table[slot] !== 0) slot = (slot + 1) % slots
    table[slot] = spelled.length
  }
  const numbers = [...ids].filter(([word]) => /^\d+$/.test(word)).map(([, id]) => id)
  return {
    size: firstWord + spelled.length,
    kindOf: new Uint16Array(firstWord + spelled.length),
    words: [...ids.values()].filter((id) => !numbers.includes(id)),
    numbers,
    find(hash, letters, length) {
      for (let slot = slotOf(hash); ; slot = (slot + 1) % slots) {
        const entry = table[slot] ?? 0
        if (entry === 0) return tokenId.word
        if (spells(spelled[entry - 1], letters, length)) return firstWord + entry - 1
      }
    },
    idOf(literal) {
      const id = ids.get(literal)
      if (id !== undefined) return id
      const code = literal.charCodeAt(0)
      if (!/^([!-/:-@[-^`{-~])\1*$/.test(literal)) throw new Error(`${literal} is neither a word nor a mark`)
      return markId(code, literal.length)
    },
  }
}

const slotOf = (hash: number): number => (hash >>> 0) % slots

function spells(word: Uint16Array | undefined, letters: Uint16Array, length: number): boolean {
  if (word?.length !== length) return false
  for (let at = 0; at < length; at += 1) if (word[at] !== letters[at]) return false
  return true
}
