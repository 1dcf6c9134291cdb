import { platformTenantId } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { loginFailed } from '../events.ts'

export interface LoginFailureStore {
  /** one record in the log for each sign-in that opened no session */
  record(failure: Parameters<typeof loginFailed>[0]): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

export function createLoginFailureStore({ postgres, relay, clock, ids }: Deps): LoginFailureStore {
  return {
    async record(failure) {
      const event = loginFailed(failure, { id: ids.uuid(), time: clock.now() })
      await postgres.group(platformTenantId, [insertEvents('gateway', [event])])
      relay.wake()
    },
  }
}
