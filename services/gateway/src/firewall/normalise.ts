import { asciiBase64 } from './base64.ts'
import { decodeEscapes } from './decode-escapes.ts'
import { pieceCharactersMax, plainForm, type View } from './view.ts'

/** URL, double URL, and one more for what was mixed. */
const passesMax = 3

const main = newView(pieceCharactersMax + 1)
const hidden = newView(pieceCharactersMax + 1)

function newView(size: number): View {
  return { codes: new Uint16Array(size), length: 0, traits: new Set() }
}

/** The text with every layer of escapes taken off. The view is good until the next text. */
export function plainView(text: string): View {
  let seen = fill(main, text)
  if ((seen & character.compatible) !== 0) seen |= fill(main, text.normalize('NFKC').slice(0, pieceCharactersMax))
  if ((seen & character.escape) !== 0) decodeAll(main)
  return main
}

/** What stands in the text as Base64, decoded once, one piece per line; null where nothing does. */
export function base64View(plain: View): View | null {
  hidden.traits.clear()
  hidden.length = asciiBase64(plain.codes, plain.length, hidden.codes)
  if (hidden.length === 0) return null
  decodeAll(hidden)
  return hidden
}

/** Takes comments out of the view, so that words which they cut in two are whole again. False where there are none. */
export function joinComments(view: View): boolean {
  const { codes, length } = view
  let write = 0
  let read = 0
  let lastSlashClose = lastIndexOfPair(codes, length, star, slash)
  const lastMarkupClose = lastIndexOfPair(codes, length, dash, greater)
  while (read < length) {
    const code = codes[read]
    let close = -1
    if (code === slash && codes[read + 1] === star && codes[read + 2] !== exclamation && lastSlashClose > read + 1) {
      close = indexOfPair(codes, { from: read + 2, to: length, first: star, second: slash })
      if (close === -1) lastSlashClose = -1
    } else if (code === less && codes[read + 1] === exclamation && codes[read + 2] === dash && lastMarkupClose > read) {
      close = indexOfPair(codes, { from: read + 3, to: length, first: dash, second: greater })
    }
    if (close === -1) codes[write++] = codes[read++] ?? 0
    else read = close + 2
  }
  const found = write < length
  view.length = write
  return found
}

const [slash, star, exclamation, less, greater, dash] = [0x2f, 0x2a, 0x21, 0x3c, 0x3e, 0x2d] as const

type Pair = { readonly from: number; readonly to: number; readonly first: number; readonly second: number }

function indexOfPair(codes: Uint16Array, { from, to, first, second }: Pair): number {
  for (let at = from; at + 1 < to; at += 1) if (codes[at] === first && codes[at + 1] === second) return at
  return -1
}

function lastIndexOfPair(codes: Uint16Array, length: number, first: number, second: number): number {
  for (let at = length - 2; at >= 0; at -= 1) if (codes[at] === first && codes[at + 1] === second) return at
  return -1
}

/** Copies the text. Returns which kinds of characters it holds beside plain ones. */
function fill(view: View, text: string): number {
  const { codes } = view
  view.traits.clear()
  const end = Math.min(text.length, pieceCharactersMax)
  let seen = 0
  let length = 0
  for (let at = 0; at < end; at += 1) {
    const code = text.charCodeAt(at)
    const kind = characters[code] ?? 0
    seen |= kind
    if (kind < character.invisible) codes[length++] = code
    else if (kind !== character.invisible) codes[length++] = plainForm(code)
  }
  view.length = length
  return seen
}

/** Kinds of characters that need more than copying. */
const character = { plain: 0, escape: 1, compatible: 2, invisible: 4, folded: 8 } as const
const characters = Uint8Array.from({ length: 0x10000 }, (_, code) => {
  if (code === 0x25 || code === 0x26 || code === 0x5c) return character.escape
  if (isInvisible(code)) return character.invisible
  if (plainForm(code) !== code) return character.folded
  return hasCompatibleForm(code) ? character.compatible : character.plain
})

/** Soft hyphen, zero-width characters, byte order mark, variation selectors. */
function isInvisible(code: number): boolean {
  return code === 0xad || (code >= 0x200b && code <= 0x200d) || code === 0x2060 || code === 0xfeff || code === 0xfe0f
}

/** Latin ligatures, full-width, small, mathematical and enclosed letters, the Kelvin sign and their kind. */
function hasCompatibleForm(code: number): boolean {
  return (
    (code >= 0xfb00 && code <= 0xfb06) ||
    (code >= 0xfe50 && code <= 0xfe6b) ||
    (code >= 0xff01 && code <= 0xffee) ||
    (code >= 0x2024 && code <= 0x2026) ||
    (code >= 0x2070 && code <= 0x218f) ||
    (code >= 0x2460 && code <= 0x24ff) ||
    code === 0xd835 ||
    code === 0x17f
  )
}

function decodeAll(view: View): void {
  for (let pass = 0; pass < passesMax; pass += 1) {
    const { changed, percent } = decodeEscapes(view)
    if (percent) view.traits.add(view.traits.has('encoded') ? 'encoded-twice' : 'encoded')
    if (!changed) return
  }
}
