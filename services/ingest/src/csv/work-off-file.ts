import type { ImportRecord } from '../store/import-statements.ts'
import type { ImportStore } from '../store/import-store.ts'
import type { IncomingRow } from '../store/settle-rows.ts'
import { translateRow } from '../domain/translate-row.ts'
import { readDialect } from './read-header.ts'
import { readRows, type FileRow } from './read-rows.ts'

/** Rows that share a commit: a few round trips per batch, and little to do again after a crash. */
const rowsPerCommit = 200

type Deps = {
  readonly imports: Pick<ImportStore, 'pieces' | 'commit' | 'finish'>
  /** between commits: answers and live events come before files */
  readonly breathe: () => Promise<void>
  /** true where the file is to be left for later, because the service stops */
  readonly stopping: () => boolean
}

/**
 * Works off a stored file from where it was left: rows that are counted are skipped, the others are committed in batches
 * together with the counts. A file that is worked off is finished and its pieces are gone.
 */
export async function workOffFile(
  { imports, breathe, stopping }: Deps,
  tenantId: string,
  file: ImportRecord,
): Promise<void> {
  let progress = file
  let bytesRead = 0
  let number = 0
  let batch: IncomingRow[] = []
  const doneBefore = file.accepted + file.duplicate + file.quarantined

  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of imports.pieces(tenantId, file)) {
      bytesRead += piece.length
      yield piece
    }
  }
  const commit = async (): Promise<void> => {
    if (batch.length > 0) progress = await imports.commit(tenantId, progress, { rows: batch, bytesRead })
    batch = []
    await breathe()
  }

  const pieces = counted()
  const first = await pieces.next()
  const dialect = first.done ? null : readDialect(first.value)
  if (!first.done && dialect) {
    for await (const row of readRows(startingWith(first.value, pieces), dialect)) {
      number += 1
      if (number <= doneBefore) continue
      batch.push(incoming(number, row, file))
      if (batch.length < rowsPerCommit) continue
      await commit()
      if (stopping()) return
    }
    await commit()
  }
  await imports.finish(tenantId, progress)
}

function incoming(number: number, { cells, problem }: FileRow, { schema, receivedAt }: ImportRecord): IncomingRow {
  if (!cells || problem !== null) {
    return { row: number, raw: '', reasons: [{ column: '', message: problem ?? 'is no row' }] }
  }
  const translated = translateRow[schema](cells, receivedAt)
  if (translated.outcome === 'report') return { row: number, report: translated.report }
  return { row: number, raw: JSON.stringify(cells), reasons: translated.reasons }
}

async function* startingWith(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* rest
}
