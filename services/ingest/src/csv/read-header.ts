import { parse } from 'csv-parse/sync'

/** How a file is written, as its first bytes tell. */
export type Dialect = {
  readonly encoding: 'utf-8' | 'windows-1252'
  readonly delimiter: ',' | ';' | '\t'
  /** column names: trimmed, lower case */
  readonly header: readonly string[]
}

const delimiters = [',', ';', '\t'] as const

/** Reads encoding, delimiter and header from the first chunk of a file; null where there is no header line in it. */
export function readDialect(firstBytes: Buffer): Dialect | null {
  const encoding = isUtf8(firstBytes) ? 'utf-8' : 'windows-1252'
  const text = new TextDecoder(encoding).decode(firstBytes)
  const line = text.split(/\r\n|\n|\r/).find((candidate) => candidate.trim() !== '')
  if (line === undefined || line.length > headerCharactersMax) return null
  const delimiter = delimiters.toSorted((a, b) => line.split(b).length - line.split(a).length)[0] ?? ','
  try {
    const [cells = []]: string[][] = parse(line, { delimiter, relax_quotes: true, bom: true })
    return { encoding, delimiter, header: cells.map(columnName) }
  } catch {
    return null
  }
}

const headerCharactersMax = 20_000

export function columnName(cell: string): string {
  return cell.trim().toLowerCase()
}

/** True where the bytes are UTF-8; a character cut off at the end of the chunk is none against it. */
function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
