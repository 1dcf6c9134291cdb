import type { Service } from '@csr/contracts/services'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { PostgresRefused } from '@csr/postgres/errors'

/** The inbox of a service: which consumer has settled which event. An event counts once per consumer, for 45 days. */
export interface Inbox {
  /** claims events inside the transaction of their effect; a second claim breaks it */
  claim(tenantId: string, consumer: string, eventIds: readonly string[], state?: 'done' | 'dead'): Statement
  /** which of these events are settled already; for the worker, across tenants */
  settled(consumer: string, eventIds: readonly string[]): Statement<{ event_id: string }>
}

export function inboxOf(service: Service): Inbox {
  const claimText = `insert into ${service}.inbox (tenant_id, consumer, event_id, state)
    select $1, $2, id, $3 from unnest($4::uuid[]) as e (id)`
  const settledText = `select event_id from ${service}.inbox where event_id = any($1::uuid[]) and consumer = $2`
  return {
    claim: (tenantId, consumer, eventIds, state = 'done') =>
      statement(claimText, [tenantId, consumer, state, arrayOf(eventIds)]),
    settled: (consumer, eventIds) => statement(settledText, [arrayOf(eventIds), consumer]),
  }
}

/** A transaction failed because one of its events was claimed before. The table named is a partition of the inbox. */
export function isClaimed(error: unknown): boolean {
  return error instanceof PostgresRefused && error.sqlstate === '23505' && /^inbox(_|$)/.test(error.table ?? '')
}
