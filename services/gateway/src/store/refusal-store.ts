import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Tallied } from '../domain/refusals.ts'
import { refusalRecorded } from '../events.ts'

export interface RefusalStore {
  /** Records refusals of one tenant, in one commit. */
  record(tenantId: string, refusals: readonly Tallied[]): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

/** Refusals live in the outbox only: the audit log is where they are read. */
export function createRefusalStore({ postgres, relay, clock, ids }: Deps): RefusalStore {
  return {
    async record(tenantId, refusals) {
      const events = refusals.map((tallied) => refusalRecorded(tallied, { id: ids.uuid(), time: clock.now() }))
      await postgres.group(tenantId, [insertEvents('gateway', events)])
      relay.wake()
    },
  }
}
