import type { Service } from '@csr/contracts/services'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'

/** What is remembered of a message that failed or was begun again: attempts, and begins that never ended. */
export type Started = { readonly attempts: number; readonly starts: number; readonly first_at: string }

type Key = { readonly tenantId: string; readonly consumer: string; readonly eventId: string; readonly at: string }

/** Attempts are counted here, durably, because deliveries count crashes of neighbours as well. */
export interface StartedTable {
  /**
   * a redelivered message is about to run alone; as a transaction of its own. It has to outlive this process, not the
   * database: a begin that the database forgets costs one more crash, so it does not wait for the disk.
   */
  begin(key: Key): readonly [Statement, Statement<Started>]
  /** it ended by failing: one more attempt, nothing running */
  fail(key: Key, code: string): Statement<Started>
  /** it is settled */
  clear(consumer: string, eventIds: readonly string[]): Statement
  /** those of them that began and never ended, or run elsewhere; for the worker */
  blamed(consumer: string, eventIds: readonly string[]): Statement<{ event_id: string }>
  /** it did not get to run; for the worker */
  withdraw(consumer: string, eventIds: readonly string[]): Statement
}

const withoutDisk = statement(`select set_config('synchronous_commit', 'off', true)`)

export function startedOf(service: Service): StartedTable {
  const table = `${service}.started`
  const beginText = `insert into ${table} as s (tenant_id, consumer, event_id, starts, first_at, last_at)
    values ($1, $2, $3, 1, $4, $4)
    on conflict (consumer, event_id) do update set starts = s.starts + 1, last_at = $4
    returning attempts, starts, first_at`
  const failText = `insert into ${table} as s (tenant_id, consumer, event_id, attempts, code, first_at, last_at)
    values ($1, $2, $3, 1, $5, $4, $4)
    on conflict (consumer, event_id) do update set attempts = s.attempts + 1, starts = 0, code = $5, last_at = $4
    returning attempts, starts, first_at`
  const clearText = `delete from ${table} where consumer = $1 and event_id = any($2::uuid[])`
  const withdrawText = `update ${table} set starts = greatest(0, starts - 1)
    where consumer = $1 and event_id = any($2::uuid[])`
  const blamedText = `select event_id from ${table} where consumer = $1 and event_id = any($2::uuid[]) and starts > 0`
  return {
    begin: ({ tenantId, consumer, eventId, at }) => [
      withoutDisk,
      statement<Started>(beginText, [tenantId, consumer, eventId, at]),
    ],
    fail: ({ tenantId, consumer, eventId, at }, code) =>
      statement<Started>(failText, [tenantId, consumer, eventId, at, code]),
    clear: (consumer, eventIds) => statement(clearText, [consumer, arrayOf(eventIds)]),
    blamed: (consumer, eventIds) => statement(blamedText, [consumer, arrayOf(eventIds)]),
    withdraw: (consumer, eventIds) => statement(withdrawText, [consumer, arrayOf(eventIds)]),
  }
}
