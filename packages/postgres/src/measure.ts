import type { Telemetry } from '@csr/runtime/telemetry'
import { PostgresRefused, PostgresUnavailable } from './errors.ts'
import type { Pool } from './pool.ts'

type Role = 'tenants' | 'workers'

/** What is counted of every group. */
export interface Measure {
  done(role: Role, ms: number): void
  failed(role: Role, error: unknown): void
}

const silent: Measure = { done: () => undefined, failed: () => undefined }
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 5]

/** The metrics of the pools; without telemetry nothing is counted. */
export function measure(telemetry: Telemetry | undefined, pools: Partial<Record<Role, Pool>>): Measure {
  if (!telemetry) return silent
  const seconds = telemetry.histogram(
    'postgres_group_seconds',
    'Committed groups, by the time the caller waited',
    buckets,
    ['role'],
  )
  const failures = telemetry.counter(
    'postgres_groups_failed_total',
    'Groups that failed, by reason or SQLSTATE class',
    ['role', 'reason'],
  )
  const open = telemetry.gauge('postgres_connections', 'Connections open', ['role'])
  const waiting = telemetry.gauge('postgres_groups_waiting', 'Groups waiting for a connection', ['role'])
  const labels = { tenants: { role: 'tenants' }, workers: { role: 'workers' } }

  function note(role: Role): void {
    const now = pools[role]?.counts()
    open.set(now?.open ?? 0, labels[role])
    waiting.set(now?.waiting ?? 0, labels[role])
  }

  return {
    done(role, ms) {
      seconds.observe(ms / 1_000, labels[role])
      note(role)
    },
    failed(role, error) {
      failures.add(1, { role, reason: reasonOf(error) })
      note(role)
    },
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof PostgresUnavailable) return error.reason
  if (error instanceof PostgresRefused) return `refused-${error.sqlstate.slice(0, 2)}`
  return 'other'
}
