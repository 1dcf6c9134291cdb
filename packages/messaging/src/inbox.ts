import type { Service } from '@csr/contracts/services'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { PostgresRefused } from '@csr/postgres/errors'

/** `dead`: given up, until a replay makes it `done`. */
export type InboxState = 'done' | 'dead'

/** The inbox of a service: which consumer has settled which event. An event counts once per consumer, for 45 days. */
export interface Inbox {
  /** claims events inside the transaction of their effect; a second claim breaks it */
  claim(tenantId: string, consumer: string, eventIds: readonly string[], state?: InboxState): Statement
  /** which of these events are settled already, and how; for the worker, across tenants */
  settled(consumer: string, eventIds: readonly string[]): Statement<{ event_id: string; state: InboxState }>
  /** claims an event that was given up, inside the transaction of its effect; CS001 where it has taken effect meanwhile */
  revive(tenantId: string, consumer: string, eventId: string): Statement
}

export function inboxOf(service: Service): Inbox {
  const claimText = `insert into ${service}.inbox (tenant_id, consumer, event_id, state)
    select $1, $2, id, $3 from unnest($4::uuid[]) as e (id)`
  const settledText = `select event_id, state from ${service}.inbox where event_id = any($1::uuid[]) and consumer = $2`
  const reviveText = `with revived as (
      insert into ${service}.inbox as i (tenant_id, consumer, event_id, state) values ($1, $2, $3, 'done')
      on conflict (event_id, consumer) do update set state = 'done' where i.state = 'dead' returning 1)
    select ops.expect(count(*), 1) from revived`
  return {
    claim: (tenantId, consumer, eventIds, state = 'done') =>
      statement(claimText, [tenantId, consumer, state, arrayOf(eventIds)]),
    settled: (consumer, eventIds) => statement(settledText, [arrayOf(eventIds), consumer]),
    revive: (tenantId, consumer, eventId) => statement(reviveText, [tenantId, consumer, eventId]),
  }
}

/** A transaction failed because one of its events was claimed before. The table named is a partition of the inbox. */
export function isClaimed(error: unknown): boolean {
  return error instanceof PostgresRefused && error.sqlstate === '23505' && /^inbox(_|$)/.test(error.table ?? '')
}
