import { matchRow } from '@csr/contracts/imports/buddy-match'
import { languageSessionRow } from '@csr/contracts/imports/kintell-language-session'
import type { ImportSchemaName } from '@csr/contracts/imports/schemas'
import { courseCompletionRow } from '@csr/contracts/imports/upskilling-course-completion'
import type { z } from 'zod'
import { translateCourseCompletionRow } from './translate-course-completion-row.ts'
import { translateLanguageSessionRow } from './translate-language-session-row.ts'
import { translateMatchRow } from './translate-match-row.ts'
import type { Report } from './translation.ts'

/** Cells by column name. */
export type Cells = Readonly<Record<string, string>>

/** Why a row was not accepted: the column and what is wrong there, never a value. */
export type RowReason = { readonly column: string; readonly message: string }

export type RowTranslation =
  | { readonly outcome: 'report'; readonly report: Report }
  | { readonly outcome: 'misshapen'; readonly reasons: readonly RowReason[] }

type Translate = (cells: Cells, arrivedAt: string) => RowTranslation

const by =
  <Row extends z.ZodType>(schema: Row, translate: (row: z.output<Row>, arrivedAt: string) => Report): Translate =>
  (cells, arrivedAt) => {
    const unsafe = unsafeCells(cells)
    const parsed = schema.safeParse(cells)
    if (parsed.success && unsafe.length === 0) return { outcome: 'report', report: translate(parsed.data, arrivedAt) }
    const issues = parsed.success ? [] : parsed.error.issues
    const shape = issues.map(({ path, message }) => ({ column: String(path[0] ?? ''), message }))
    return { outcome: 'misshapen', reasons: [...unsafe, ...shape].slice(0, reasonsMax) }
  }

/** Every schema has one translation; a row comes back as a report, or with every reason at once. */
export const translateRow: Readonly<Record<ImportSchemaName, Translate>> = {
  'kintell.language-session@1.1': by(languageSessionRow, translateLanguageSessionRow),
  'buddy.match@1.0': by(matchRow, translateMatchRow),
  'upskilling.course-completion@1.0': by(courseCompletionRow, translateCourseCompletionRow),
}

const reasonsMax = 20

/** NUL and lone surrogates cannot be stored faithfully; the replacement character stands for bytes that were no text. */
function unsafeCells(cells: Cells): RowReason[] {
  return Object.entries(cells).flatMap(([column, cell]) => {
    if (cell.includes('\0')) return [{ column, message: 'holds a NUL character' }]
    if (!cell.isWellFormed() || cell.includes('\uFFFD')) return [{ column, message: 'holds bytes that are no text' }]
    return []
  })
}
