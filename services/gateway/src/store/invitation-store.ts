import type { SealedText } from '@csr/contracts/events/envelope'
import type { Role } from '@csr/contracts/permissions'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import { statement, type Also, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { invitationChanged, invitationCreated, type By } from '../events.ts'

/** A role in a tenant that waits for whoever holds the token. */
export type Invitation = {
  readonly id: string
  readonly tenantId: string
  readonly role: Role
  /** the person a participant will be; null for staff */
  readonly subjectId: string | null
  /** the account whose administration goes to who accepts; null where it takes nothing from anybody */
  readonly handsOverFrom: string | null
  /** the account that took it; null while it waits */
  readonly acceptedBy: string | null
  readonly expiresAt: string
}

export type NewInvitation = { readonly id: string; readonly token: string; readonly expiresAt: string }

export type ListedInvitation = Omit<Invitation, 'tenantId' | 'acceptedBy'> & {
  /** as whoever invited noted it */
  readonly email: string | null
  readonly createdAt: string
}

export type WantedInvitation = By & {
  readonly tenantId: string
  readonly role: Role
  readonly subjectId: string | null
  readonly email: string | null
  readonly handsOverFrom: string | null
}

export interface InvitationStore {
  /** the token is told once: 256 bits, kept as an HMAC, good once within 14 days */
  create(wanted: WantedInvitation, also: Also<NewInvitation>): Promise<NewInvitation>
  /** the same as statements, to stand in somebody else's transaction */
  prepare(
    wanted: WantedInvitation,
  ): Promise<{ readonly made: NewInvitation; readonly statements: readonly Statement[] }>
  /** null where the token is unknown or its time is over */
  find(token: string): Promise<Invitation | null>
  /** for this account; stale where another was first, it was withdrawn, or its time is over. Again by the same account: again */
  taking(invitation: Invitation, accountId: string): Statement
  /** those that wait, newest first */
  list(tenantId: string): Promise<readonly ListedInvitation[]>
  /** another token and another 14 days; null where none waits under this id */
  renew(named: Named, also: Also<NewInvitation>): Promise<NewInvitation | null>
  /** false where none waits under this id */
  withdraw(named: Named): Promise<boolean>
}

type Named = By & { readonly tenantId: string; readonly invitationId: string }

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'fingerprint' | 'createRecordKeys' | 'load'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

export const invitationLifeMs = 14 * 86_400_000

export function createInvitationStore(deps: Deps): InvitationStore {
  const { postgres, relay, clock, ids } = deps
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })

  /** Commits a change that expects the invitation to wait; false where it does not. */
  async function commit(tenantId: string, statements: readonly Statement[]): Promise<boolean> {
    try {
      await postgres.group(tenantId, statements)
    } catch (error) {
      if (isStale(error)) return false
      throw error
    }
    relay.wake()
    return true
  }

  return {
    async create(wanted, also) {
      const { made, statements } = await prepare(deps, wanted)
      await postgres.group(wanted.tenantId, [...statements, ...(await also(made))])
      relay.wake()
      return made
    },
    prepare: (wanted) => prepare(deps, wanted),
    async find(token) {
      const select = `select ${columns} from gateway.invitations where token = $1 and expires_at > $2`
      const [[row]] = await postgres.worker([statement<Row>(select, [hmacOf(deps, token), clock.now()])])
      return row ? toInvitation(row) : null
    },
    taking: ({ id }, accountId) => take(id, accountId, clock.now()),
    list: (tenantId) => list(deps, tenantId),
    async renew({ invitationId, ...by }, also) {
      const made = newToken(deps, invitationId)
      const event = invitationChanged('gateway.invitation.renewed.v1', { ...by, invitationId }, stamp())
      const renewed = [renew(made, hmacOf(deps, made.token)), insertEvents('gateway', [event]), ...(await also(made))]
      return (await commit(by.tenantId, renewed)) ? made : null
    },
    async withdraw({ invitationId, ...by }) {
      const event = invitationChanged('gateway.invitation.withdrawn.v1', { ...by, invitationId }, stamp())
      return await commit(by.tenantId, [withdraw(invitationId), insertEvents('gateway', [event])])
    },
  }
}

const inviteePlace = (id: string) => ({ field: 'gateway.invitations.invitee', row: id })
const hmacOf = ({ keyring }: Deps, token: string): string => keyring.fingerprint(platformTenantId, 'invitation', token)

function newToken({ ids, clock }: Deps, id: string): NewInvitation {
  return { id, token: ids.secret(), expiresAt: new Date(clock.nowMs() + invitationLifeMs).toISOString() }
}

async function prepare(deps: Deps, wanted: WantedInvitation) {
  const { keyring, clock, ids } = deps
  const { tenantId, role, subjectId, email, handsOverFrom, actorId, requestId } = wanted
  const made = newToken(deps, ids.uuid())
  const { id, token, expiresAt } = made
  const keys = email === null ? null : await keyring.createRecordKeys(tenantId, [id])
  const sealed = keys && email !== null ? keys.seal(id, inviteePlace(id), email) : null
  const insert = statement(
    `insert into gateway.invitations (tenant_id, invitation_id, token, role, subject_id, invitee_sealed, hands_over_from,
       invited_by, created_at, expires_at)
     values (ops.tenant_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [id, hmacOf(deps, token), role, subjectId, sealed, handsOverFrom, actorId, clock.now(), expiresAt],
  )
  const invited = { tenantId, invitationId: id, role, subjectId, actorId, requestId }
  const event = invitationCreated(invited, { id: ids.uuid(), time: clock.now() })
  return { made, statements: [insert, insertEvents('gateway', [event])] }
}

async function list({ postgres, keyring, clock }: Deps, tenantId: string): Promise<ListedInvitation[]> {
  const select = statement<ListedRow>(
    `select ${columns}, invitee_sealed, created_at from gateway.invitations
     where tenant_id = ops.tenant_id() and accepted_at is null and expires_at > $1
     order by created_at desc, invitation_id limit 200`,
    [clock.now()],
  )
  const [rows] = await postgres.group(tenantId, [select])
  const keyIds = rows.filter((row) => row.invitee_sealed !== null).map((row) => row.invitation_id)
  const keys = await keyring.load(tenantId, keyIds)
  return rows.map((row) => {
    const { tenantId: _tenant, acceptedBy: _nobody, ...invitation } = toInvitation(row)
    const { invitee_sealed: sealed, created_at: createdAt } = row
    const email = sealed === null ? null : keys.read(sealed, inviteePlace(invitation.id))
    return { ...invitation, email, createdAt }
  })
}

type Row = {
  readonly tenant_id: string
  readonly invitation_id: string
  readonly role: Role
  readonly subject_id: string | null
  readonly hands_over_from: string | null
  readonly accepted_by: string | null
  readonly expires_at: string
}
type ListedRow = Row & { readonly invitee_sealed: SealedText | null; readonly created_at: string }

const columns = 'tenant_id, invitation_id, role, subject_id, hands_over_from, accepted_by, expires_at'

function toInvitation(row: Row): Invitation {
  const { invitation_id: id, tenant_id: tenantId, role, subject_id: subjectId, expires_at: expiresAt } = row
  const { hands_over_from: handsOverFrom, accepted_by: acceptedBy } = row
  return { id, tenantId, role, subjectId, handsOverFrom, acceptedBy, expiresAt }
}

/** Whom it was for is forgotten: from now on the membership says who came. */
function take(id: string, accountId: string, at: string): Statement {
  return statement(
    `with taken as (update gateway.invitations
       set accepted_by = $2, accepted_at = coalesce(accepted_at, $3), invitee_sealed = null
       where invitation_id = $1 and expires_at > $3 and coalesce(accepted_by, $2) = $2 returning 1)
     select ops.expect((select count(*) from taken), 1)`,
    [id, accountId, at],
  )
}

function renew({ id, expiresAt }: NewInvitation, token: string): Statement {
  return statement(
    `with renewed as (update gateway.invitations set token = $2, expires_at = $3
       where tenant_id = ops.tenant_id() and invitation_id = $1 and accepted_at is null returning 1)
     select ops.expect((select count(*) from renewed), 1)`,
    [id, token, expiresAt],
  )
}

function withdraw(id: string): Statement {
  return statement(
    `with gone as (delete from gateway.invitations
       where tenant_id = ops.tenant_id() and invitation_id = $1 and accepted_at is null returning 1)
     select ops.expect((select count(*) from gone), 1)`,
    [id],
  )
}
