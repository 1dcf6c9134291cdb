import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'

export interface ExpiryStore {
  /** sessions, invitations, used assertions and revocations whose time is over */
  forget(): Promise<void>
}

const tables = ['sessions', 'invitations', 'client_assertions', 'token_revocations']

export function createExpiryStore(deps: {
  readonly postgres: Pick<Postgres, 'worker'>
  readonly clock: Clock
}): ExpiryStore {
  const { postgres, clock } = deps
  return {
    async forget() {
      const now = clock.now()
      await postgres.worker(
        tables.map((table) => statement(`delete from gateway.${table} where expires_at < $1`, [now])),
      )
    },
  }
}
