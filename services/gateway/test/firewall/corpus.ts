import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** One text of the corpus. `group` is the family of an attack, or the kind of harmless text. */
export type Sample = { readonly group: string; readonly text: string; readonly half: Half }

/** Rules are made with the one half in view and measured on the other. */
export type Half = 'tuning' | 'held-out'

const folder = new URL('corpus/', import.meta.url)

/** One attack per line; `⏎` stands for CR LF. */
export const attacks: readonly Sample[] = read('attacks')

/** One text per line, and sentences put together from parts of others. */
export const harmless: readonly Sample[] = [...read('natural'), ...putTogether()]

function read(kind: 'attacks' | 'natural'): Sample[] {
  return readdirSync(new URL(kind, folder)).flatMap((file) =>
    readFileSync(new URL(`${kind}/${file}`, folder), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => sample(file.replace('.txt', ''), line.replaceAll('⏎', '\r\n'))),
  )
}

function sample(group: string, text: string): Sample {
  return { group, text, half: halfOf(text) }
}

/** By the text alone, so that an attack is in the same half in every encoding, whatever is added to the corpus. */
export function halfOf(text: string): Half {
  return (createHash('sha256').update(text).digest()[0] ?? 0) % 2 === 0 ? 'tuning' : 'held-out'
}

/** Every third line of one kind behind one of another: what people write who write more than a line. */
function putTogether(): Sample[] {
  const lines = read('natural')
  const together = lines.flatMap((first, at) =>
    [7, 31, 101, 211].map((step) => `${first.text} ${lines[(at * 3 + step) % lines.length]?.text ?? ''}`),
  )
  return [...new Set(together)].map((text) => sample('put together', text))
}
