/**
 * One SQL statement with its values, ready to be sent as a named prepared statement. `row` exists for the type checker
 * only: it carries the shape of the rows.
 */
export interface Statement<Row = unknown> {
  readonly text: string
  readonly values: readonly unknown[]
  readonly row?: Row
}

/** The rows of each statement of a group, in the order of the statements. */
export type RowsOf<S extends readonly Statement[]> = {
  -readonly [K in keyof S]: S[K] extends Statement<infer Row> ? Row[] : never
}

/**
 * Makes a statement. The text is a constant of the program (it appears in errors and logs), values go into `$1, $2, …`:
 * text, numbers, booleans, null, bytes, dates; arrays of these become Postgres arrays, plain objects become JSON.
 */
export function statement<Row = never>(text: string, values: readonly unknown[] = []): Statement<Row> {
  return { text, values }
}

/** What else is to commit with something that a store makes, such as the answer that tells of it. */
export type Also<Made> = (made: Made) => Promise<readonly Statement[]>

/** A Postgres array literal, for `unnest($1::uuid[], …)`. */
export function arrayOf(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map(arrayElement).join(',')}}`
}

function arrayElement(value: string | number | boolean | null): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  return String(value)
}
