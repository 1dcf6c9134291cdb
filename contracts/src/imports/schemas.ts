import type { z } from 'zod'
import type { Partner } from '../events/ingest.ts'
import { matchRow } from './buddy-match.ts'
import { languageSessionRow } from './kintell-language-session.ts'
import { courseCompletionRow } from './upskilling-course-completion.ts'

/** A CSV file somebody may send: named and versioned, its columns said once. */
export type ImportSchema = {
  readonly partner: Partner
  readonly row: z.ZodObject
  readonly required: readonly string[]
}

const define = (partner: Partner, row: z.ZodObject): ImportSchema => ({
  partner,
  row,
  required: Object.entries(row.shape)
    .filter(([, cell]) => !cell.safeParse(undefined).success)
    .map(([name]) => name),
})

export const importSchemas = {
  'kintell.language-session@1.1': define('kintell', languageSessionRow),
  'buddy.match@1.0': define('buddy', matchRow),
  'upskilling.course-completion@1.0': define('upskilling', courseCompletionRow),
} as const satisfies Record<string, ImportSchema>

export type ImportSchemaName = keyof typeof importSchemas

export const importSchemaNames = Object.keys(importSchemas) as [ImportSchemaName, ...ImportSchemaName[]]

/**
 * The schema a header belongs to: all its required columns are there; of several, the one that knows most of the columns.
 * Null where there is none.
 */
export function recogniseSchema(header: readonly string[]): ImportSchemaName | null {
  const columns = new Set(header)
  const fitting = importSchemaNames.filter((name) =>
    importSchemas[name].required.every((column) => columns.has(column)),
  )
  const known = (name: ImportSchemaName): number =>
    Object.keys(importSchemas[name].row.shape).filter((column) => columns.has(column)).length
  return fitting.toSorted((a, b) => known(b) - known(a))[0] ?? null
}

/** Required columns of a schema that a header lacks. */
export function missingColumns(name: ImportSchemaName, header: readonly string[]): string[] {
  return importSchemas[name].required.filter((column) => !header.includes(column))
}
