import { escapedLineBreak, escapedNul, plainForm, type View } from './view.ts'

const [percentSign, ampersand, backslash, plus, hash, semicolon] = [0x25, 0x26, 0x5c, 0x2b, 0x23, 0x3b] as const
const [space, openBrace, closeBrace] = [0x20, 0x7b, 0x7d] as const

/**
 * Takes one layer of escapes off, in place: `%41`, `%u0041`, `&#65;`, `&lt;`, `\u0041`, `\u{41}`, `\x41`, `\'`. What
 * comes out is never longer than what went in.
 */
export function decodeEscapes(view: View): { readonly changed: boolean; readonly percent: boolean } {
  const { codes, length } = view
  let write = 0
  let at = 0
  let percent = false
  while (at < length) {
    const code = codes[at] ?? 0
    const width =
      code === percentSign
        ? readPercent(view, at)
        : code === ampersand
          ? readEntity(view, at)
          : code === backslash
            ? readBackslash(view, at)
            : 0
    if (width === 0) codes[write++] = code
    else {
      if (code === percentSign) {
        percent = true
        if (decoded === 0x2e || decoded === 0x2f || decoded === backslash) view.traits.add('encoded-path')
      }
      codes[write++] = marked(decoded)
    }
    at += width === 0 ? 1 : width
  }
  const changed = write < length
  view.length = write
  if (percent) spacesForPluses(view)
  return { changed, percent }
}

/** The character the last successful reader found. */
let decoded = 0

function marked(code: number): number {
  if (code === 0x0a || code === 0x0d) return escapedLineBreak
  return code === 0 ? escapedNul : code
}

/** In a form, a plus is a blank; text with percent signs that decode is taken for one. */
function spacesForPluses({ codes, length }: View): void {
  for (let at = 0; at < length; at += 1) if (codes[at] === plus) codes[at] = space
}

/** Width of the escape at `at`, 0 where there is none. Forms that are longer than need be are read, and noted. */
function readPercent(view: View, at: number): number {
  const { codes, length } = view
  const next = (codes[at + 1] ?? 0) | 0x20
  if (next === 0x75 && at + 6 <= length) {
    const code = readHex(codes, at + 2, 4)
    if (code < 0) return 0
    decoded = folded(code)
    return 6
  }
  const first = readByte(view, at)
  if (first < 0) return 0
  if (first < 0x80) {
    decoded = first
    return 3
  }
  const bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0
  if (bytes === 0) return 0
  let code = first & (0x7f >> bytes)
  for (let index = 1; index < bytes; index += 1) {
    const more = readByte(view, at + 3 * index)
    if (more < 0x80 || more > 0xbf) return 0
    code = (code << 6) | (more & 0x3f)
  }
  if (code < 0x80) view.traits.add('overlong')
  decoded = folded(code)
  return 3 * bytes
}

function readByte({ codes, length }: View, at: number): number {
  return at + 3 <= length && codes[at] === percentSign ? readHex(codes, at + 1, 2) : -1
}

/** Stands for what lies outside the basic plane: a letter like any other. */
const letterBeyond = 0x4e00

/** Full-width forms of ASCII are ASCII. */
function folded(code: number): number {
  if (code >= 0xff01 && code <= 0xff5e) return code - 0xfee0
  return code > 0xffff ? letterBeyond : plainForm(code)
}

function readHex(codes: Uint16Array, from: number, digits: number): number {
  let value = 0
  for (let at = from; at < from + digits; at += 1) {
    const digit = hexOf(codes[at] ?? 0)
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

function hexOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

const entities: Readonly<Record<string, number>> = {
  lt: 0x3c,
  gt: 0x3e,
  quot: 0x22,
  apos: 0x27,
  amp: 0x26,
  nbsp: 0x20,
  sol: 0x2f,
  bsol: 0x5c,
  lpar: 0x28,
  rpar: 0x29,
  lbrace: 0x7b,
  lcub: 0x7b,
  rcub: 0x7d,
  colon: 0x3a,
  semi: 0x3b,
  equals: 0x3d,
  period: 0x2e,
  grave: 0x60,
  dollar: 0x24,
  num: 0x23,
  tab: 0x09,
  newline: 0x0a,
}
const entityNameMax = 7

/** Numeric references need no semicolon (HTML, section 13.2.5.80), names do here. */
function readEntity({ codes, length }: View, at: number): number {
  if (codes[at + 1] === hash) return readNumericEntity(codes, at, length)
  let name = ''
  for (let end = at + 1; end < length && end <= at + 1 + entityNameMax; end += 1) {
    const code = codes[end] ?? 0
    if (code === semicolon) {
      const found = Object.hasOwn(entities, name) ? entities[name] : undefined
      if (found === undefined) return 0
      decoded = found
      return end + 1 - at
    }
    const letter = code | 0x20
    if (letter < 0x61 || letter > 0x7a) return 0
    name += String.fromCharCode(letter)
  }
  return 0
}

const entityDigitsMax = 10

function readNumericEntity(codes: Uint16Array, at: number, length: number): number {
  const isHex = ((codes[at + 2] ?? 0) | 0x20) === 0x78
  const start = at + (isHex ? 3 : 2)
  let end = start
  let value = 0
  while (end < length && end - start < entityDigitsMax) {
    const digit = hexOf(codes[end] ?? 0)
    if (digit < 0 || (!isHex && digit > 9)) break
    value = Math.min(0x10ffff, value * (isHex ? 16 : 10) + digit)
    end += 1
  }
  if (end === start) return 0
  decoded = folded(value)
  return (codes[end] === semicolon && end < length ? end + 1 : end) - at
}

function readBackslash({ codes, length }: View, at: number): number {
  const next = codes[at + 1] ?? 0
  if (at + 1 >= length) return 0
  if (next === 0x27 || next === 0x22 || next === 0x2f) {
    decoded = next
    return 2
  }
  if (next === 0x78 && at + 4 <= length) return readUnits(codes, at + 2, 2)
  if (next === 0x75 && codes[at + 2] === openBrace) return readBraced(codes, at, length)
  if (next === 0x75 && at + 6 <= length) return readUnits(codes, at + 2, 4)
  if (next === 0x72 && codes[at + 2] === backslash && codes[at + 3] === 0x6e && at + 4 <= length) {
    decoded = 0x0a
    return 4
  }
  return 0
}

function readUnits(codes: Uint16Array, from: number, digits: number): number {
  const code = readHex(codes, from, digits)
  if (code < 0) return 0
  decoded = folded(code)
  return digits + 2
}

const bracedDigitsMax = 6

function readBraced(codes: Uint16Array, at: number, length: number): number {
  let value = 0
  for (let end = at + 3; end < length && end <= at + 3 + bracedDigitsMax; end += 1) {
    if (codes[end] === closeBrace && end > at + 3) {
      decoded = folded(value)
      return end + 1 - at
    }
    const digit = hexOf(codes[end] ?? 0)
    if (digit < 0) return 0
    value = value * 16 + digit
  }
  return 0
}
