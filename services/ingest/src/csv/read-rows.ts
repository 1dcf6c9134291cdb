import { parse } from 'csv-parse'
import { Readable } from 'node:stream'
import type { Cells } from '../domain/translate-row.ts'
import { columnName, type Dialect } from './read-header.ts'

/** One row of a file: its cells, or what keeps it from being one. */
export type FileRow = { readonly cells: Cells | null; readonly problem: string | null }

/** Longer records are no rows: an unbalanced quote must not swallow the rest of the file. */
const recordCharactersMax = 65_536

/**
 * Rows of a file that arrives in pieces, one after the other, in constant memory. Empty lines are no rows. What is not
 * a record comes as one row with its problem.
 */
export async function* readRows(chunks: AsyncIterable<Buffer>, dialect: Dialect): AsyncGenerator<FileRow> {
  const skipped: FileRow[] = []
  const parser = parse({
    bom: true,
    delimiter: dialect.delimiter,
    columns: (header: string[]) => header.map(columnName),
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    skip_records_with_error: true,
    max_record_size: recordCharactersMax,
    on_skip: (error) => {
      skipped.push({ cells: null, problem: problemOf(error?.code) })
      return undefined
    },
  })
  const source = Readable.from(decode(chunks, dialect.encoding), { highWaterMark: 1 })
  source.on('error', (error) => parser.destroy(error))
  source.pipe(parser)
  for await (const record of parser as AsyncIterable<Cells>) {
    yield* skipped.splice(0)
    yield { cells: record, problem: null }
  }
  yield* skipped.splice(0)
}

async function* decode(chunks: AsyncIterable<Buffer>, encoding: Dialect['encoding']): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding)
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true })
  yield decoder.decode()
}

function problemOf(code: string | undefined): string {
  if (code === 'CSV_MAX_RECORD_SIZE') return 'is longer than a row can be; a quote may be left open'
  return 'cannot be read as a row'
}
