import type { SealedText } from '@csr/contracts/events/envelope'
import type { Tenant, TenantDetail } from '@csr/contracts/http/tenants'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Also, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { stateOf } from '../domain/tenant-life.ts'
import { tenantTold } from '../events.ts'

export type WantedTenant = {
  readonly name: string
  readonly actorId: string
  readonly requestId: string
}

export interface TenantStore {
  create(wanted: WantedTenant, also: Also<Tenant>): Promise<Tenant>
  /** false for a tenant that is closed, too */
  exists(tenantId: string): Promise<boolean>
  /** with what would end with it; null where there is none */
  find(tenantId: string): Promise<TenantDetail | null>
  /** newest first, those made before the given one */
  list(page: { readonly limit: number; readonly before: string | null }): Promise<Tenant[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'createTenant' | 'createRecordKeys' | 'load'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

/** Tenants, read across all of them by the worker role. Keys commit first: a key without a tenant is harmless. */
export function createTenantStore({ postgres, keyring, relay, clock, ids }: Deps): TenantStore {
  async function named(rows: readonly TenantRow[]): Promise<Tenant[]> {
    const keyIds = rows.map((row) => row.tenant_id)
    const keys = await keyring.load(platformTenantId, keyIds)
    return rows.map((row) => toTenant(row, keys.read(row.name_sealed, placeOfName(row.tenant_id))))
  }

  return {
    async create({ name, actorId, requestId }, also) {
      const id = ids.uuid()
      const createdAt = clock.now()
      await Promise.all([keyring.createTenant(platformTenantId), keyring.createTenant(id)])
      const keys = await keyring.createRecordKeys(platformTenantId, [id])
      const sealed = keys.seal(id, placeOfName(id), name)
      const told = { tenantId: id, actorId, requestId }
      const event = tenantTold('gateway.tenant.created.v1', told, { id: ids.uuid(), time: createdAt })
      const created = toTenant({ ...unborn, tenant_id: id, created_at: createdAt }, name)
      await postgres.group(id, [
        insertTenant(id, sealed, createdAt),
        insertEvents('gateway', [event]),
        ...(await also(created)),
      ])
      relay.wake()
      return created
    },
    async exists(tenantId) {
      const open = statement('select from gateway.tenants where tenant_id = ops.tenant_id() and closed_at is null')
      const [rows] = await postgres.group(tenantId, [open])
      return rows.length > 0
    },
    async find(tenantId) {
      const [[row]] = await postgres.group(tenantId, [selectDetail(clock.now())])
      if (!row) return null
      const { administrators, members, sessions, machine_clients: machineClients, invitations } = row
      const [tenant] = await named([row])
      return tenant ? { ...tenant, administrators, members, sessions, machineClients, invitations } : null
    },
    async list({ limit, before }) {
      const [rows] = await postgres.worker([selectTenants(limit, before)])
      return rows.length === 0 ? [] : await named(rows)
    },
  }
}

const placeOfName = (id: string) => ({ field: 'gateway.tenants.name', row: id })

type LifeRow = {
  readonly tenant_id: string
  readonly created_at: string
  readonly suspended_at: string | null
  readonly suspended_for: Tenant['suspendedFor']
  readonly closes_at: string | null
  readonly closed_at: string | null
}
type TenantRow = LifeRow & { readonly name_sealed: SealedText }
type DetailRow = TenantRow & {
  readonly administrators: string[]
  readonly members: number
  readonly sessions: number
  readonly machine_clients: number
  readonly invitations: number
}

const unborn = { suspended_at: null, suspended_for: null, closes_at: null, closed_at: null }

function toTenant(row: LifeRow, name: string): Tenant {
  const { tenant_id: id, created_at: createdAt, suspended_at: suspendedAt, closed_at: closedAt } = row
  const state = stateOf({ suspendedAt, closedAt })
  return { id, name, createdAt, state, suspendedAt, suspendedFor: row.suspended_for, closesAt: row.closes_at, closedAt }
}

function insertTenant(id: string, name: SealedText, createdAt: string): Statement {
  return statement('insert into gateway.tenants (tenant_id, name_sealed, created_at) values ($1, $2, $3)', [
    id,
    name,
    createdAt,
  ])
}

const columns = 'tenant_id, name_sealed, created_at, suspended_at, suspended_for, closes_at, closed_at'

function selectTenants(limit: number, before: string | null): Statement<TenantRow> {
  return statement<TenantRow>(
    `select ${columns} from gateway.tenants
     where $2::uuid is null or tenant_id < $2::uuid
     order by tenant_id desc limit $1`,
    [limit, before],
  )
}

function selectDetail(now: string): Statement<DetailRow> {
  return statement<DetailRow>(
    `select ${columns},
       (select coalesce(array_agg(account_id order by joined_at, account_id), '{}') from gateway.memberships
        where tenant_id = ops.tenant_id() and roles @> array['company_admin']) as administrators,
       (select count(*)::int from gateway.memberships where tenant_id = ops.tenant_id()) as members,
       (select count(*)::int from gateway.sessions where tenant_id = ops.tenant_id() and expires_at > $1) as sessions,
       (select count(*)::int from gateway.machine_clients where tenant_id = ops.tenant_id()) as machine_clients,
       (select count(*)::int from gateway.invitations
        where tenant_id = ops.tenant_id() and accepted_at is null and expires_at > $1) as invitations
     from gateway.tenants where tenant_id = ops.tenant_id()`,
    [now],
  )
}
