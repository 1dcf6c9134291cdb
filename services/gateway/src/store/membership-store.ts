import type { Role } from '@csr/contracts/permissions'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Membership } from '../domain/membership.ts'
import { administrationHandedOver, membershipCreated, membershipEnded, type JoinedBy } from '../events.ts'
import { dropAdministrator, endMember, giveAdministration, lockAdministration } from './administration-statements.ts'
import { revokeTokens } from './revocation-statements.ts'

export type NewMembership = {
  readonly tenantId: string
  readonly accountId: string
  readonly role: Role
  readonly subjectId: string | null
  readonly joinedBy: JoinedBy
  /** who brought it about; the account itself where it joined by domain */
  readonly actorId: string
  readonly requestId: string
}

export type ListedMembership = Omit<Membership, 'tenantId'> & { readonly id: string; readonly joinedAt: string }

export interface MembershipStore {
  /** null where the account is no member */
  find(tenantId: string, accountId: string): Promise<Membership | null>
  /** the membership with this role, and its event where it is new; a role one has already changes nothing */
  add(membership: NewMembership): Promise<void>
  list(tenantId: string): Promise<readonly ListedMembership[]>
  /** its sessions here go with it, and its tokens are refused within a minute; an administrator only where another stays */
  end(membership: Pick<NewMembership, 'tenantId' | 'accountId' | 'actorId' | 'requestId'>): Promise<Ended>
  /** moves the administration; repeating it changes nothing */
  handOver(handOver: HandOver): Promise<HandedOver>
}

export type Ended = 'ended' | 'unknown' | 'last-administrator'

export type HandOver = Pick<NewMembership, 'tenantId' | 'actorId' | 'requestId'> & {
  /** null where there is no administrator to follow */
  readonly fromAccountId: string | null
  readonly toAccountId: string
}

export type HandedOver = 'handed-over' | 'unknown-member' | 'no-administrator'

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
  /** takes effect in this process at once */
  readonly onRevoked: (kind: 'actor', id: string, atMs: number) => void
}

type MembershipRow = { readonly roles: readonly Role[]; readonly subject_id: string | null }

export function createMembershipStore(deps: Deps): MembershipStore {
  const { postgres, relay, clock, ids } = deps
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })

  async function find(tenantId: string, accountId: string): Promise<Membership | null> {
    const [[row]] = await postgres.group(tenantId, [selectMembership(accountId)])
    return row ? { tenantId, roles: row.roles, subjectId: row.subject_id } : null
  }

  return {
    find,
    async add(membership) {
      const known = await find(membership.tenantId, membership.accountId)
      if (known?.roles.includes(membership.role) && known.subjectId === membership.subjectId) return
      const event = membershipCreated(membership, stamp())
      await postgres.group(membership.tenantId, [addMember(membership, event.time), insertEvents('gateway', [event])])
      relay.wake()
    },
    async list(tenantId) {
      const [rows] = await postgres.group(tenantId, [selectMemberships])
      return rows.map((row) => ({
        ...{ id: row.account_id, roles: row.roles, subjectId: row.subject_id, joinedAt: row.joined_at },
      }))
    },
    end: (membership) => end(deps, find, membership),
    handOver: (wanted) => handOver(deps, find, wanted),
  }
}

type Find = MembershipStore['find']

async function end(deps: Deps, find: Find, membership: Parameters<MembershipStore['end']>[0]): Promise<Ended> {
  const { postgres, clock, ids } = deps
  const { tenantId, accountId } = membership
  const atMs = clock.nowMs()
  const event = membershipEnded(membership, { id: ids.uuid(), time: clock.now() })
  try {
    await postgres.group(tenantId, [
      lockAdministration,
      endMember(accountId),
      statement('delete from gateway.sessions where account_id = $1', [accountId]),
      revokeTokens('actor', accountId, atMs),
      insertEvents('gateway', [event]),
    ])
  } catch (error) {
    if (!isStale(error)) throw error
    return (await find(tenantId, accountId)) ? 'last-administrator' : 'unknown'
  }
  deps.onRevoked('actor', accountId, atMs)
  deps.relay.wake()
  return 'ended'
}

async function handOver(deps: Deps, find: Find, wanted: HandOver): Promise<HandedOver> {
  const { postgres, clock, ids } = deps
  const { tenantId, fromAccountId: from, toAccountId: to } = wanted
  const atMs = clock.nowMs()
  const event = administrationHandedOver(wanted, { id: ids.uuid(), time: clock.now() })
  try {
    await postgres.group(tenantId, [
      lockAdministration,
      ...dropAdministrator(from, to),
      giveAdministration(to),
      ...(from === null ? [] : [revokeTokens('actor', from, atMs)]),
      insertEvents('gateway', [event]),
    ])
  } catch (error) {
    if (!isStale(error)) throw error
    const isFollowed = from === null || !isAdministrator(await find(tenantId, from))
    const successor = await find(tenantId, to)
    if (!successor) return 'unknown-member'
    return isFollowed && isAdministrator(successor) ? 'handed-over' : 'no-administrator'
  }
  if (from !== null) deps.onRevoked('actor', from, atMs)
  deps.relay.wake()
  return 'handed-over'
}

const isAdministrator = (member: Membership | null): boolean => member?.roles.includes('company_admin') ?? false

type ListedRow = MembershipRow & { readonly account_id: string; readonly joined_at: string }

const selectMemberships = statement<ListedRow>(
  `select account_id, roles, subject_id, joined_at from gateway.memberships
   where tenant_id = ops.tenant_id() order by joined_at desc, account_id limit 1000`,
)

function selectMembership(accountId: string): Statement<MembershipRow> {
  return statement('select roles, subject_id from gateway.memberships where account_id = $1', [accountId])
}

/** Roles add up; who is bound to a person stays bound to that person: as another one the group is stale. */
export function addMember({ accountId, role, subjectId, joinedBy }: NewMembership, time: string): Statement {
  return statement(
    `with added as (
       insert into gateway.memberships (tenant_id, account_id, roles, subject_id, joined_by, joined_at)
       values (ops.tenant_id(), $1, array[$2], $3, $4, $5)
       on conflict (tenant_id, account_id) do update set
         roles = (select array_agg(distinct r) from unnest(memberships.roles || excluded.roles) r),
         subject_id = coalesce(memberships.subject_id, excluded.subject_id)
       where coalesce(memberships.subject_id = excluded.subject_id, true)
       returning 1
     ) select ops.expect((select count(*) from added), 1)`,
    [accountId, role, subjectId, joinedBy, time],
  )
}
