import type { Logger } from '@csr/runtime/logger'
import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Telemetry } from '@csr/runtime/telemetry'
import { holdLock, type Held } from './advisory-lock.ts'
import { Pool } from './pool.ts'
import { measure, type Measure } from './measure.ts'
import type { RowsOf, Statement } from './statement.ts'
import { transact } from './transact.ts'
import { encode } from './values.ts'

export type GroupOptions = {
  /** how long the caller waits in all, 1,500 by default; more raises the server's statement limit as well */
  readonly deadlineMs?: number
}

/** The only way to the database: whole transactions, one network round trip each, or a named lock. */
export interface Postgres extends Resource {
  /**
   * Runs the statements in one transaction of the tenant. Resolves only after the server answered COMMIT; rejects with
   * PostgresUnavailable or PostgresRefused.
   */
  group<const S extends readonly Statement[]>(
    tenantId: string,
    statements: S,
    options?: GroupOptions,
  ): Promise<RowsOf<S>>
  /** The same as the service's worker role, which has no tenant. */
  worker<const S extends readonly Statement[]>(statements: S, options?: GroupOptions): Promise<RowsOf<S>>
  /** Waits for a session advisory lock on a connection of its own (worker role); resolves when it is held. */
  hold(lockName: string, signal: AbortSignal): Promise<Held>
}

export type PostgresOptions = {
  readonly name: string
  readonly url: string
  readonly workerUrl?: string
  readonly logger: Logger
  readonly telemetry?: Telemetry
  readonly connectionsMax?: number
  readonly workerConnectionsMax?: number
}

const deadlineMsDefault = 1_500
/** The server gives up this much earlier than the client, so that its answer still arrives. */
const answerMarginMs = 300
/** Longest wait for a free connection. */
const waitMs = 500

/** Creates the pools of a service; nothing is opened before `start`. */
export function createPostgres(options: PostgresOptions): Postgres {
  const { name, url, workerUrl, logger } = options
  const tenants = new Pool({ name, url, applicationName: name, connectionsMax: options.connectionsMax ?? 10, logger })
  const workers = workerUrl === undefined ? null : createWorkers(options, workerUrl)
  const measured = measure(options.telemetry, { tenants, ...(workers && { workers }) })

  return {
    name,
    group: (tenantId, statements, limits) =>
      run({ pool: tenants, measured, role: 'tenants', tenantId }, statements, limits),
    worker: (statements, limits) =>
      run({ pool: workers, measured, role: 'workers', tenantId: null }, statements, limits),
    async hold(lockName, signal) {
      if (workerUrl === undefined) throw new TypeError(workerMissing)
      return holdLock(lockName, { url: workerUrl, applicationName: `${name}-lock`, logger, signal })
    },
    async start() {
      tenants.start()
      workers?.start()
    },
    readiness: () => firstMissing([tenants, ...(workers ? [workers] : [])]),
    async [Symbol.asyncDispose]() {
      await Promise.all([tenants.close(deadlineMsDefault), workers?.close(deadlineMsDefault)])
    },
  }
}

type Way = {
  readonly pool: Pool | null
  readonly measured: Measure
  readonly role: 'tenants' | 'workers'
  readonly tenantId: string | null
}

async function run<S extends readonly Statement[]>(way: Way, statements: S, limits?: GroupOptions): Promise<RowsOf<S>> {
  const { pool } = way
  if (!pool) throw new TypeError(workerMissing)
  const encoded = statements.map(encode)
  const startMs = performance.now()
  const deadlineMs = limits?.deadlineMs ?? deadlineMsDefault
  const statementTimeoutMs = deadlineMs > deadlineMsDefault ? deadlineMs - answerMarginMs : null
  try {
    const taken = pool.take(Math.min(waitMs, deadlineMs))
    const lane = taken instanceof Promise ? await taken : taken
    const remainingMs = deadlineMs - (performance.now() - startMs)
    const rows = await transact(lane, { tenantId: way.tenantId, statements: encoded, remainingMs, statementTimeoutMs })
    pool.giveBack(lane)
    way.measured.done(way.role, performance.now() - startMs)
    return rows as RowsOf<S>
  } catch (error) {
    way.measured.failed(way.role, error)
    throw error
  }
}

function createWorkers(options: PostgresOptions, workerUrl: string): Pool {
  return new Pool({
    name: `${options.name}-worker`,
    url: workerUrl,
    applicationName: `${options.name}-worker`,
    connectionsMax: options.workerConnectionsMax ?? 3,
    logger: options.logger,
  })
}

const workerMissing = 'No worker URL was given'

function firstMissing(pools: readonly Pool[]): Readiness {
  for (const pool of pools) {
    const readiness = pool.readiness()
    if (!readiness.ready) return readiness
  }
  return { ready: true }
}
