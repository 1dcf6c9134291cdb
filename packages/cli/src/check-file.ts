import { importSchemas, missingColumns, recogniseSchema, type ImportSchemaName } from '@csr/contracts/imports/schemas'
import { Refusal } from '@csr/stack/refusal'
import { openCsv } from './read-csv.ts'

export type RowProblem = { readonly row: number; readonly reasons: readonly { column: string; message: string }[] }

export type FileCheck = {
  readonly schema: ImportSchemaName
  readonly rows: { readonly total: number; readonly wellFormed: number; readonly misshapen: number }
  /** of the first misshapen rows */
  readonly problems: readonly RowProblem[]
}

/**
 * Checks header and rows of a file by the published schemas, without sending anything. What only the system can know, as
 * whether a row was there before, is not checked.
 */
export async function checkFile(path: string, asked: ImportSchemaName | undefined): Promise<FileCheck> {
  const file = openCsv(path)
  if (file === null) throw new Refusal(`${path} has no header line.`)
  const schema = asked ?? recogniseSchema(file.header)
  if (schema === null) throw new Refusal(`The header of ${path} fits no schema; name one with --schema.`)
  const missing = missingColumns(schema, file.header)
  if (missing.length > 0) throw new Refusal(`The header lacks ${missing.join(', ')}, which ${schema} requires.`)
  let total = 0
  let misshapen = 0
  const problems: RowProblem[] = []
  for await (const cells of file.rows()) {
    total += 1
    const reasons = reasonsOf(schema, cells)
    if (reasons.length === 0) continue
    misshapen += 1
    if (problems.length < problemsShown) problems.push({ row: total, reasons })
  }
  return { schema, rows: { total, wellFormed: total - misshapen, misshapen }, problems }
}

export const problemsShown = 10

function reasonsOf(schema: ImportSchemaName, cells: Readonly<Record<string, string>> | null): RowProblem['reasons'] {
  if (cells === null) return [{ column: '', message: 'cannot be read as a row' }]
  const parsed = importSchemas[schema].row.safeParse(cells)
  if (parsed.success) return []
  return parsed.error.issues.map(({ path, message }) => ({ column: String(path[0] ?? ''), message }))
}
