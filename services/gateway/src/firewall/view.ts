/** Longest piece of text that is looked at in one go. */
export const pieceCharactersMax = 65_536

/** Line breaks that came out of an escape: a header is rarely ended by hand. */
export const escapedLineBreak = 0xe00a
/** NUL, which plain text never carries (`parseJson` refuses it). */
export const escapedNul = 0xe000

/** What the way a text was written says by itself. */
export type Trait = 'encoded' | 'encoded-path' | 'encoded-twice' | 'overlong' | 'flooded'

/** A text as its reader would see it: UTF-16 code units, in a buffer that is used again for the next text. */
export type View = { readonly codes: Uint16Array; length: number; readonly traits: Set<Trait> }

/** Typographic quotes and strokes, as a database or a browser may fold them. */
export function plainForm(code: number): number {
  if (code === 0x2018 || code === 0x2019 || code === 0x2bc || code === 0x2b9 || code === 0x2032) return 0x27
  if (code === 0x201c || code === 0x201d || code === 0x2033) return 0x22
  return code === 0x2044 || code === 0x2215 ? 0x2f : code
}
