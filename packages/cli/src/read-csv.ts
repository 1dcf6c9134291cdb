import { createReadStream, openSync, readSync, closeSync } from 'node:fs'
import { parse } from 'csv-parse'
import { parse as parseNow } from 'csv-parse/sync'

/** How a file is written, as its first bytes tell. */
type Dialect = { readonly encoding: 'utf-8' | 'windows-1252'; readonly delimiter: string; readonly header: string[] }

export type CsvFile = {
  /** column names: trimmed, lower case */
  readonly header: readonly string[]
  /** one row after the other, in constant memory; null for what cannot be read as a row */
  readonly rows: () => AsyncGenerator<Readonly<Record<string, string>> | null>
}

const firstBytes = 262_144
const recordCharactersMax = 65_536

/** Opens a CSV file as ingest reads it: its own delimiter and encoding, no empty lines. Null where it has no header line. */
export function openCsv(path: string): CsvFile | null {
  const dialect = readDialect(readStart(path))
  if (dialect === null) return null
  return { header: dialect.header, rows: () => rowsOf(path, dialect) }
}

async function* rowsOf(path: string, { encoding, delimiter }: Dialect) {
  let broken = 0
  const parser = parse({
    ...{ bom: true, delimiter, columns: (header: string[]) => header.map(columnName) },
    ...{ relax_quotes: true, relax_column_count: true, skip_empty_lines: true },
    ...{ skip_records_with_empty_values: true, skip_records_with_error: true, max_record_size: recordCharactersMax },
    on_skip: () => {
      broken += 1
      return undefined
    },
  })
  const bytes = createReadStream(path)
  bytes.on('error', (error) => parser.destroy(error))
  bytes.setEncoding(encoding === 'utf-8' ? 'utf8' : 'latin1').pipe(parser)
  for await (const record of parser as AsyncIterable<Record<string, string>>) {
    for (; broken > 0; broken -= 1) yield null
    yield record
  }
  for (; broken > 0; broken -= 1) yield null
}

function readStart(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(firstBytes)
    return bytes.subarray(0, readSync(file, bytes, 0, firstBytes, 0))
  } finally {
    closeSync(file)
  }
}

function readDialect(bytes: Buffer): Dialect | null {
  const encoding = isUtf8(bytes) ? 'utf-8' : 'windows-1252'
  const lines = new TextDecoder(encoding).decode(bytes).split(/\r\n|\n|\r/)
  const line = lines.find((candidate) => candidate.trim() !== '')
  if (line === undefined) return null
  const delimiter = [',', ';', '\t'].toSorted((a, b) => line.split(b).length - line.split(a).length)[0] ?? ','
  const [cells = []] = parseNow(line, { delimiter, relax_quotes: true, bom: true })
  return { encoding, delimiter, header: cells.map(columnName) }
}

const columnName = (cell: string): string => cell.trim().toLowerCase()

/** A character cut off at the end of the bytes is none against it. */
function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
