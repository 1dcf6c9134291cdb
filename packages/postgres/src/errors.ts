/** Why the database could not be used; a closed set, fit for a metric label. */
export const UnavailableReason = {
  deadline: 'deadline',
  wait: 'wait',
  connection: 'connection',
  starting: 'starting',
  statementTimeout: 'statement-timeout',
  lockTimeout: 'lock-timeout',
  conflict: 'conflict',
  resources: 'resources',
  diskFull: 'disk-full',
  unsafe: 'unsafe',
  closed: 'closed',
} as const

export type UnavailableReason = (typeof UnavailableReason)[keyof typeof UnavailableReason]

/**
 * The database did not answer, or not in time: HTTP 503, or RetryLater. `committed: 'no'` is a promise that nothing of
 * the group took effect; `'unknown'` means the commit was on its way.
 */
export class PostgresUnavailable extends Error {
  override readonly name = 'PostgresUnavailable'
  readonly committed: 'no' | 'unknown'
  readonly reason: UnavailableReason
  /** what the server or the system called it, e.g. `57P03` or `ECONNREFUSED` */
  readonly code: string | undefined

  constructor(reason: UnavailableReason, committed: 'no' | 'unknown', code?: string) {
    super(`PostgreSQL is unavailable: ${reason}${code ? ` (${code})` : ''}, committed: ${committed}`)
    this.reason = reason
    this.committed = committed
    this.code = code
  }
}

/** The server refused a statement; nothing of the group took effect. Carries names and codes, never a value. */
export class PostgresRefused extends Error {
  override readonly name = 'PostgresRefused'
  readonly sqlstate: string
  readonly constraint?: string
  readonly table?: string
  readonly statementText: string

  constructor(refusal: {
    sqlstate: string
    statementText: string
    constraint?: string
    table?: string
    named?: string
  }) {
    const names = [refusal.constraint && `constraint ${refusal.constraint}`, refusal.table && `table ${refusal.table}`]
    const about = [refusal.named, ...names].filter(Boolean).join(', ')
    super(`PostgreSQL refused (${refusal.sqlstate})${about ? ` ${about}` : ''}: ${refusal.statementText}`)
    this.sqlstate = refusal.sqlstate
    this.statementText = refusal.statementText
    if (refusal.constraint) this.constraint = refusal.constraint
    if (refusal.table) this.table = refusal.table
  }
}

/** A unique key (of the given constraint, if one is named) was already taken. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (!(error instanceof PostgresRefused) || error.sqlstate !== '23505') return false
  return constraint === undefined || error.constraint === constraint
}

/** The version check of an optimistic write failed: `ops.expect(actual, expected)` raised. */
export function isStale(error: unknown): boolean {
  return error instanceof PostgresRefused && error.sqlstate === 'CS001'
}

/** What the driver throws, as far as it is read. */
type DriverError = {
  readonly code?: unknown
  readonly severity?: unknown
  readonly routine?: unknown
  readonly message?: unknown
  readonly constraint_name?: unknown
  readonly table_name?: unknown
}

/** An error that the server put into words, not the end of a connection. */
export function isSaidByServer(error: unknown): boolean {
  return typeof (error as DriverError | null)?.severity === 'string'
}

/** Turns a driver error into one of the two above; `committed` is what a broken connection means at this point. */
export function translate(
  error: unknown,
  statementText: string,
  committed: 'no' | 'unknown',
): PostgresUnavailable | PostgresRefused {
  if (error instanceof PostgresUnavailable || error instanceof PostgresRefused) return error
  const { code, severity, routine, message, constraint_name, table_name } = (error ?? {}) as DriverError
  if (typeof severity !== 'string') return new PostgresUnavailable('connection', committed, textOf(code))
  const sqlstate = textOf(code) ?? 'XX000'
  const reason = unavailable(sqlstate, textOf(routine), severity)
  if (reason) return new PostgresUnavailable(reason, severity === 'ERROR' ? 'no' : committed, sqlstate)
  const constraint = textOf(constraint_name)
  const table = textOf(table_name)
  const named = namesOnly.has(sqlstate) ? textOf(message) : undefined
  return new PostgresRefused({
    sqlstate,
    statementText,
    ...(constraint && { constraint }),
    ...(table && { table }),
    ...(named && { named }),
  })
}

/** SQLSTATEs whose messages name tables, columns, functions and types, never values: the developer's own mistakes. */
const namesOnly = new Set(['42P01', '42703', '42883', '42501', '42704', '42804', '42601', '42P10', '3F000', '42P18'])

/** SQLSTATE classes and codes that pass by themselves (PostgreSQL manual, appendix A). */
const passing: Readonly<Record<string, UnavailableReason>> = {
  '08': 'connection',
  '53': 'resources',
  '58': 'resources',
  '53100': 'disk-full',
  '57014': 'statement-timeout',
  '55P03': 'lock-timeout',
  '40001': 'conflict',
  '40P01': 'conflict',
  '57P03': 'starting',
  '25P03': 'deadline',
  '25P04': 'deadline',
}

function unavailable(sqlstate: string, routine: string | undefined, severity: string): UnavailableReason | undefined {
  // A prepared statement outlived a change of its tables; a new connection prepares it anew.
  if (routine === 'RevalidateCachedQuery' || sqlstate === '26000') return 'conflict'
  return passing[sqlstate] ?? passing[sqlstate.slice(0, 2)] ?? (severity === 'ERROR' ? undefined : 'connection')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 ? value : undefined
}
