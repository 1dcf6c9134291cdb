import type { Tenant } from '@csr/contracts/http/gateway'
import type { SealedText } from '@csr/contracts/events/envelope'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Also, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { tenantCreated } from '../events.ts'

export type WantedTenant = {
  readonly name: string
  readonly actorId: string
  readonly requestId: string
}

export interface TenantStore {
  create(wanted: WantedTenant, also: Also<Tenant>): Promise<Tenant>
  exists(tenantId: string): Promise<boolean>
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
  return {
    async create({ name, actorId, requestId }, also) {
      const id = ids.uuid()
      const createdAt = clock.now()
      await Promise.all([keyring.createTenant(platformTenantId), keyring.createTenant(id)])
      const keys = await keyring.createRecordKeys(platformTenantId, [id])
      const sealed = keys.seal(id, placeOfName(id), name)
      const event = tenantCreated({ tenantId: id, actorId, requestId }, { id: ids.uuid(), time: createdAt })
      const created = { id, name, createdAt }
      await postgres.group(id, [
        insertTenant(id, sealed, createdAt),
        insertEvents('gateway', [event]),
        ...(await also(created)),
      ])
      relay.wake()
      return created
    },
    async exists(tenantId) {
      const [rows] = await postgres.group(tenantId, [statement('select from gateway.tenants')])
      return rows.length > 0
    },
    async list({ limit, before }) {
      const [rows] = await postgres.worker([selectTenants(limit, before)])
      if (rows.length === 0) return []
      const keys = await keyring.load(
        platformTenantId,
        rows.map((row) => row.tenant_id),
      )
      return rows.map((row) => {
        const name = keys.read(row.name_sealed, placeOfName(row.tenant_id))
        return { id: row.tenant_id, name, createdAt: row.created_at }
      })
    },
  }
}

const placeOfName = (id: string) => ({ field: 'gateway.tenants.name', row: id })

type TenantRow = { readonly tenant_id: string; readonly name_sealed: SealedText; readonly created_at: string }

function insertTenant(id: string, name: SealedText, createdAt: string): Statement {
  return statement('insert into gateway.tenants (tenant_id, name_sealed, created_at) values ($1, $2, $3)', [
    id,
    name,
    createdAt,
  ])
}

function selectTenants(limit: number, before: string | null): Statement<TenantRow> {
  return statement<TenantRow>(
    `select tenant_id, name_sealed, created_at from gateway.tenants
     where $2::uuid is null or tenant_id < $2::uuid
     order by tenant_id desc limit $1`,
    [limit, before],
  )
}
