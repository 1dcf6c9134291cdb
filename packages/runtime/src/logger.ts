import pino from 'pino'

/** What a log line may carry: ids, counts, durations. Never personal data. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, error: unknown, fields?: LogFields): void
}

/** The allow-list: a field that is not named here is dropped, and its name is counted in `dropped`. */
export const logFieldNames: ReadonlySet<string> = new Set([
  ...['requestId', 'tenantId', 'actorId', 'eventId', 'deliveryId', 'importId', 'activityId', 'outcomeId', 'endpointId'],
  ...['method', 'route', 'status', 'code', 'outcome', 'reason', 'caller', 'upstream', 'audience', 'kid', 'field'],
  ...['stream', 'durable', 'consumer', 'topic', 'sequence', 'epoch', 'attempt', 'attempts', 'count', 'total', 'lane'],
  ...[
    'accepted',
    'duplicate',
    'quarantined',
    'effective',
    'parked',
    'refused',
    'backlog',
    'published',
    'size',
    'bytes',
  ],
  ...['ms', 'delayMs', 'waitedMs', 'lagMs', 'ageMs', 'silentMs', 'port', 'host', 'pid', 'signal', 'exitCode', 'mode'],
  ...['missing', 'state', 'name', 'sqlstate', 'constraint', 'table', 'schema', 'partner', 'kind', 'version', 'change'],
  ...['sign', 'verdict', 'language', 'model', 'policy', 'withheld', 'purpose', 'exportId', 'leaves', 'rows', 'chunks'],
])

/** Errors of these names are our own, made without values; of all others the message is left out. */
const safeMessages = new Set([
  ...['SettingsError', 'ProblemError', 'PostgresUnavailable', 'PostgresRefused', 'KeyringUnavailable', 'SealBroken'],
  ...['TenantUnknown', 'RetryLater', 'Unprocessable', 'UpstreamUnavailable', 'NatsUnavailable', 'KeyFileRefused'],
])

/** Lines leave in writes of about this many bytes: a write for each costs more than making it. */
const writeBytes = 4_096
/** … and no later than this. Errors leave at once, and what is left leaves when the process exits. */
const flushEveryMs = 100

/** One JSON line per fact. Fields outside the allow-list are dropped; of errors the name, codes and stack frames stay. */
export function createLogger(options: {
  service: string
  level?: string
  destination?: { write(line: string): void }
}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service },
    messageKey: 'event',
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  const lines = pino(settings, options.destination ?? standardOutput())
  return {
    debug: (event, fields) => lines.isLevelEnabled('debug') && lines.debug(allowed(fields), event),
    info: (event, fields) => lines.info(allowed(fields), event),
    warn: (event, fields) => lines.warn(allowed(fields), event),
    error: (event, error, fields) => {
      lines.error({ ...allowed(fields), error: describeError(error) }, event)
      lines.flush()
    },
  }
}

function standardOutput() {
  return pino.destination({ fd: 1, sync: false, minLength: writeBytes, periodicFlush: flushEveryMs })
}

function allowed(fields: LogFields | undefined): Record<string, unknown> {
  if (!fields) return {}
  const kept: Record<string, unknown> = {}
  const dropped: string[] = []
  for (const name in fields) {
    if (logFieldNames.has(name)) kept[name] = fields[name]
    else dropped.push(name)
  }
  if (dropped.length > 0) kept['dropped'] = dropped.length
  return kept
}

type Described = {
  name: string
  code?: string
  sqlstate?: string
  constraint?: string
  message?: string
  stack?: string
  cause?: Described
}

/** What may be told of an error: names, codes and places in the code, never text that could carry a value. */
export function describeError(error: unknown, depth = 0): Described {
  if (!(error instanceof Error)) return { name: typeof error }
  const told: Described = { name: error.name }
  const codes = error as { code?: unknown; sqlstate?: unknown; constraint?: unknown }
  if (isCode(codes.code)) told.code = codes.code
  if (isCode(codes.sqlstate)) told.sqlstate = codes.sqlstate
  if (isCode(codes.constraint)) told.constraint = codes.constraint
  if (safeMessages.has(error.name)) told.message = error.message
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  if (frames.length > 0)
    told.stack = frames
      .slice(0, 12)
      .map((line) => line.trim())
      .join(' | ')
  if (error.cause !== undefined && depth < 3) told.cause = describeError(error.cause, depth + 1)
  return told
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_.-]{1,80}$/.test(value)
}
