import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale, PostgresRefused } from '@csr/postgres/errors'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { membershipCreated } from '../events.ts'
import { addMember, type NewMembership } from './membership-store.ts'

/** Which account is which person of a tenant. One account is one person at most, and one person one account. */
export interface BindingStore {
  /** null where nobody is this person */
  accountOf(tenantId: string, subjectId: string): Promise<string | null>
  /**
   * Takes an invitation, in one transaction with the membership it is for where that is new. `stale`: the invitation is
   * gone, the account is somebody else here, or the person is another account, since it was looked at.
   */
  accept(membership: NewMembership, how: Acceptance): Promise<'bound' | 'stale'>
}

type Acceptance = { readonly taking: Statement; readonly isNew: boolean }

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

export function createBindingStore({ postgres, relay, clock, ids }: Deps): BindingStore {
  return {
    async accountOf(tenantId, subjectId) {
      const select = 'select account_id from gateway.memberships where subject_id = $1'
      const [[row]] = await postgres.group(tenantId, [statement<{ account_id: string }>(select, [subjectId])])
      return row?.account_id ?? null
    },
    async accept(membership, { taking, isNew }) {
      const event = membershipCreated(membership, { id: ids.uuid(), time: clock.now() })
      const added = isNew ? [addMember(membership, event.time), insertEvents('gateway', [event])] : []
      try {
        await postgres.group(membership.tenantId, [taking, ...added])
      } catch (error) {
        if (isStale(error) || isPersonTaken(error)) return 'stale'
        throw error
      }
      relay.wake()
      return 'bound'
    },
  }
}

/** Two invitations for one person, accepted by two accounts at once. */
const isPersonTaken = (error: unknown): boolean =>
  error instanceof PostgresRefused && error.constraint === 'memberships_of_person'
