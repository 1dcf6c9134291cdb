import { escapedLineBreak, escapedNul, pieceCharactersMax, type View } from './view.ts'
import { hashNext, hashStart, markId, tokenId, type Vocabulary } from './vocabulary.ts'

/** What stands before a token: nothing, blanks, a line break, or a line break written as an escape. */
export const gap = { none: 0, blank: 1, line: 2, escapedLine: 3 } as const

/** The tokens of one view, between a start and an end; the arrays are used again for the next view. */
export type Tokens = {
  count: number
  /** kinds of tokens as the vocabulary tells them apart */
  readonly kinds: Uint16Array
  readonly gaps: Uint8Array
  /** where each begins and ends in the view */
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  /** words that no rule knows: how much of the text is prose */
  words: number
  /** true where the text holds what may be a comment */
  comments: boolean
}

const capacity = pieceCharactersMax + 16

export function createTokens(): Tokens {
  return {
    count: 0,
    kinds: new Uint16Array(capacity),
    gaps: new Uint8Array(capacity),
    starts: new Uint32Array(capacity),
    ends: new Uint32Array(capacity),
    words: 0,
    comments: false,
  }
}

const kind = { blank: 0, letter: 1, digit: 2, mark: 3, line: 4, escapedLine: 5, nul: 6 } as const
const kinds = Uint8Array.from({ length: 0x10000 }, (_, code) => kindOf(code))

/** Letters of every script are letters; punctuation outside ASCII separates and means nothing here. */
function kindOf(code: number): number {
  const letter = code | 0x20
  if (code < 0x80) {
    if ((letter >= 0x61 && letter <= 0x7a) || code === 0x5f) return kind.letter
    if (code >= 0x30 && code <= 0x39) return kind.digit
    if (code === 0x0a || code === 0x0d) return kind.line
    return code > 0x20 && code < 0x7f ? kind.mark : kind.blank
  }
  if (code === escapedLineBreak) return kind.escapedLine
  if (code === escapedNul) return kind.nul
  const latin = code < 0xaa || code === 0xab || code === 0xbb
  return latin || (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code < 0x3040) ? kind.blank : kind.letter
}

/**
 * Lower case for ASCII, and the Latin letter that a Cyrillic one looks like: for words that mix both, words of one script
 * are left alone.
 */
const folds = Uint16Array.from({ length: 0x10000 }, (_, code) => (code >= 0x41 && code <= 0x5a ? code | 0x20 : code))
for (const [, looks = '', like = ''] of 'аaеeоoрpсcуyхxіiѕsјjАaВbЕeКkМmНhОoРpСcТtУyХxІiЅsЈj'.matchAll(/(.)(.)/g)) {
  folds[looks.charCodeAt(0)] = like.charCodeAt(0)
}

const [single, double, zero] = [0x27, 0x22, 0x30] as const
const [slash, star, exclamation, less] = [0x2f, 0x2a, 0x21, 0x3c] as const

/** Splits a view into words, numbers and marks, in one pass. Comments of SQL and C are blanks. */
export function tokenise(view: View, vocabulary: Vocabulary, tokens: Tokens): void {
  const { codes, length } = view
  const scanner = new Scanner(view, vocabulary, tokens)
  scanner.add(tokenId.start, 0, 0)
  let at = 0
  while (at < length) {
    const code = codes[at] ?? 0
    const what = kinds[code]
    if (what === kind.letter) at = scanner.word(at)
    else if (what === kind.mark) at = code === slash || code === star ? scanner.commentOrMark(at) : scanner.mark(at)
    else if (what === kind.digit) at = scanner.number(at)
    else {
      if (what === kind.nul) scanner.add(tokenId.nul, at, at + 1)
      else scanner.blank(what === kind.blank ? gap.blank : what === kind.line ? gap.line : gap.escapedLine)
      at += 1
    }
  }
  scanner.add(tokenId.end, length, length)
}

const letters = new Uint16Array(32)

class Scanner {
  readonly #view: View
  readonly #vocabulary: Vocabulary
  readonly #tokens: Tokens
  #before: number = gap.none
  #singles = 0
  #doubles = 0
  /** no comment closes beyond this place; found when the first one opens */
  #lastClose: number | null = null

  constructor(view: View, vocabulary: Vocabulary, tokens: Tokens) {
    this.#view = view
    this.#vocabulary = vocabulary
    this.#tokens = tokens
    tokens.count = 0
    tokens.words = 0
    tokens.comments = false
  }

  add(id: number, start: number, end: number): void {
    const tokens = this.#tokens
    const at = tokens.count
    tokens.kinds[at] = this.#vocabulary.kindOf[id] ?? 0
    tokens.gaps[at] = this.#before
    tokens.starts[at] = start
    tokens.ends[at] = end
    tokens.count = at + 1
    this.#before = gap.none
    if (id === tokenId.word) tokens.words += 1
  }

  blank(what: number): void {
    if (what > this.#before) this.#before = what
  }

  word(start: number): number {
    const { codes, length } = this.#view
    let hash = hashStart
    let size = 0
    let ascii = 0
    let at = start
    for (; at < length; at += 1) {
      const code = codes[at] ?? 0
      const what = kinds[code]
      if (what !== kind.letter && what !== kind.digit) break
      if (code < 0x80) ascii += 1
      const letter = folds[code] ?? code
      hash = hashNext(hash, letter)
      if (size < letters.length) letters[size] = letter
      size += 1
    }
    const known = ascii > 0 && size <= letters.length
    this.add(known ? this.#vocabulary.find(hash, letters, size) : tokenId.word, start, at)
    return at
  }

  number(start: number): number {
    const { codes, length } = this.#view
    if (codes[start] === zero && ((codes[start + 1] ?? 0) | 0x20) === 0x78) {
      let end = start + 2
      while (end < length && isHexDigit(codes[end] ?? 0)) end += 1
      if (end > start + 2) {
        this.add(tokenId.hexNumber, start, end)
        return end
      }
    }
    let hash = hashStart
    let at = start
    for (; at < length && kinds[codes[at] ?? 0] === kind.digit; at += 1) {
      const code = codes[at] ?? 0
      hash = hashNext(hash, code)
      if (at - start < letters.length) letters[at - start] = code
    }
    const digits = at - start
    const known = digits <= letters.length ? this.#vocabulary.find(hash, letters, digits) : tokenId.word
    this.add(known === tokenId.word ? numberId(codes[start] ?? 0, digits) : known, start, at)
    return at
  }

  mark(start: number): number {
    const { codes, length } = this.#view
    const code = codes[start] ?? 0
    let at = start + 1
    if (code === less && codes[at] === exclamation) this.#tokens.comments = true
    while (at < length && codes[at] === code) at += 1
    const run = at - start
    if (run === 1 && code === single) this.add(this.#singleQuote(start), start, at)
    else if (run === 1 && code === double) {
      this.#doubles += 1
      this.add(this.#doubles % 2 === 1 ? tokenId.openingDouble : markId(double, 1), start, at)
    } else this.add(markId(code, run), start, at)
    return at
  }

  /** A comment is a blank; one that begins with an exclamation mark is what stands in it (MySQL). */
  commentOrMark(start: number): number {
    const { codes } = this.#view
    const next = codes[start + 1]
    if (codes[start] === star) {
      if (next !== slash || !this.#tokens.comments) return this.mark(start)
      this.blank(gap.blank)
      return start + 2
    }
    if (next !== star) return this.mark(start)
    this.#lastClose ??= lastCommentClose(this.#view)
    if (start + 2 > this.#lastClose) return this.mark(start)
    this.#tokens.comments = true
    this.blank(gap.blank)
    if (codes[start + 2] === exclamation) {
      let at = start + 3
      while (kinds[codes[at] ?? 0] === kind.digit) at += 1
      return at
    }
    let at = start + 2
    while (codes[at] !== star || codes[at + 1] !== slash) at += 1
    return at + 2
  }

  #singleQuote(at: number): number {
    const { codes, length } = this.#view
    const between =
      at > 0 &&
      at + 1 < length &&
      kinds[codes[at - 1] ?? 0] === kind.letter &&
      kinds[codes[at + 1] ?? 0] === kind.letter
    if (between) return tokenId.apostrophe
    this.#singles += 1
    return this.#singles % 2 === 1 ? tokenId.openingSingle : markId(single, 1)
  }
}

const longDigitsMin = 8

function numberId(first: number, digits: number): number {
  if (digits >= longDigitsMin) return tokenId.longNumber
  return first === zero && digits >= 3 ? tokenId.octalNumber : tokenId.number
}

function lastCommentClose({ codes, length }: View): number {
  for (let at = length - 2; at >= 0; at -= 1) if (codes[at] === star && codes[at + 1] === slash) return at
  return -1
}

function isHexDigit(code: number): boolean {
  const letter = code | 0x20
  return (code >= 0x30 && code <= 0x39) || (letter >= 0x61 && letter <= 0x66)
}
