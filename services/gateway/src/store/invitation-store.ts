import type { Role } from '@csr/contracts/permissions'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Also } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { invitationCreated } from '../events.ts'

/** A role in a tenant that waits for whoever holds the token. */
export type Invitation = {
  readonly id: string
  readonly tenantId: string
  readonly role: Role
  /** the person a participant will be; null for staff */
  readonly subjectId: string | null
  readonly expiresAt: string
}

export type NewInvitation = Invitation & { readonly token: string }

export type WantedInvitation = {
  readonly tenantId: string
  readonly role: Role
  readonly subjectId: string | null
  readonly actorId: string
  readonly requestId: string
}

export interface InvitationStore {
  /** the token is told once: 256 bits, kept as an HMAC, good once within 14 days */
  create(wanted: WantedInvitation, also: Also<NewInvitation>): Promise<NewInvitation>
  /** null where the token is unknown or its time is over */
  find(token: string): Promise<Invitation | null>
  /** for this account; false where another was first or its time is over. Again by the same account: again */
  take(invitation: Invitation, accountId: string): Promise<boolean>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

export const invitationLifeMs = 14 * 86_400_000

type Row = {
  readonly tenant_id: string
  readonly invitation_id: string
  readonly role: Role
  readonly subject_id: string | null
  readonly expires_at: string
}

const columns = 'tenant_id, invitation_id, role, subject_id, expires_at'

export function createInvitationStore({ postgres, keyring, relay, clock, ids }: Deps): InvitationStore {
  const hmacOf = (token: string): string => keyring.fingerprint(platformTenantId, 'invitation', token)
  return {
    async create({ tenantId, role, subjectId, actorId, requestId }, also) {
      const id = ids.uuid()
      const token = ids.secret()
      const expiresAt = new Date(clock.nowMs() + invitationLifeMs).toISOString()
      const invited = { tenantId, invitationId: id, role, subjectId, actorId, requestId }
      const insert = statement(
        `insert into gateway.invitations
           (tenant_id, invitation_id, token, role, subject_id, invited_by, created_at, expires_at)
         values (ops.tenant_id(), $1, $2, $3, $4, $5, $6, $7)`,
        [id, hmacOf(token), role, subjectId, actorId, clock.now(), expiresAt],
      )
      const event = invitationCreated(invited, { id: ids.uuid(), time: clock.now() })
      const made = { id, tenantId, role, subjectId, expiresAt, token }
      await postgres.group(tenantId, [insert, insertEvents('gateway', [event]), ...(await also(made))])
      relay.wake()
      return made
    },
    async find(token) {
      const select = `select ${columns} from gateway.invitations where token = $1 and expires_at > $2`
      const [[row]] = await postgres.worker([statement<Row>(select, [hmacOf(token), clock.now()])])
      return row ? toInvitation(row) : null
    },
    async take({ id, tenantId }, accountId) {
      const take = statement<{ invitation_id: string }>(
        `update gateway.invitations set accepted_by = $2, accepted_at = coalesce(accepted_at, $3)
         where invitation_id = $1 and expires_at > $3 and coalesce(accepted_by, $2) = $2
         returning invitation_id`,
        [id, accountId, clock.now()],
      )
      const [rows] = await postgres.group(tenantId, [take])
      return rows.length > 0
    },
  }
}

function toInvitation(row: Row): Invitation {
  const { invitation_id: id, tenant_id: tenantId, role, subject_id: subjectId, expires_at: expiresAt } = row
  return { id, tenantId, role, subjectId, expiresAt }
}
