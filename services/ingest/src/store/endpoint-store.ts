import type { SealedText } from '@csr/contracts/events/envelope'
import type { Partner } from '@csr/contracts/events/ingest'
import { TenantUnknown } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Also } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { readSecret } from '../domain/verify-signature.ts'
import { endpointCreated } from '../events.ts'
import { rememberLookups } from './remember-lookups.ts'

/** One partner of one tenant, as a webhook finds it. */
export type Endpoint = {
  readonly id: string
  readonly tenantId: string
  readonly partner: Partner
  /** stands in where a report names none */
  readonly programme: string | null
  readonly secrets: readonly Uint8Array[]
}

export type Created = { readonly id: string; readonly secret: string }

export type ListedEndpoint = Omit<Endpoint, 'tenantId' | 'secrets'> & { readonly createdAt: string }

export interface EndpointStore {
  /** The endpoint with this id, or null; remembered for 10 s, unknown ids too. */
  find(id: string): Promise<Endpoint | null>
  /** Makes an endpoint; the answer is the only place where the secret is ever readable. Null for an unknown tenant. */
  create(wanted: WantedEndpoint, also: Also<Created>): Promise<Created | null>
  list(tenantId: string, page: { before: string | null; limit: number }): Promise<readonly ListedEndpoint[]>
}

type WantedEndpoint = {
  readonly tenantId: string
  readonly partner: Partner
  readonly programme: string | null
  readonly actorId: string
  readonly requestId: string
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
  readonly wakeRelay: () => void
}

type EndpointRow = {
  readonly id: string
  readonly tenant_id: string
  readonly partner: Partner
  readonly secrets_sealed: readonly SealedText[]
  readonly programme_sealed: SealedText | null
  readonly created_at: string
}

const secretBytes = 32
const secretPlace = (id: string) => ({ field: 'ingest.endpoints.secrets_sealed', row: id })
const programmePlace = (id: string) => ({ field: 'ingest.endpoints.programme_sealed', row: id })

const columns = 'id, tenant_id, partner, secrets_sealed, programme_sealed, created_at'
const selectById = `select ${columns} from ingest.endpoints where id = $1`
const selectPage = `
  select ${columns} from ingest.endpoints
  where tenant_id = ops.tenant_id() and id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  order by id desc limit $2`
const insert = `
  insert into ingest.endpoints (tenant_id, id, partner, secrets_sealed, programme_sealed, created_at)
  values (ops.tenant_id(), $1, $2, $3, $4, $5)`

export function createEndpointStore(deps: Deps): EndpointStore {
  const { postgres, keyring, clock, ids } = deps
  const lookups = rememberLookups<Endpoint>({ clock, read })

  async function read(id: string): Promise<Endpoint | null> {
    const [[row]] = await postgres.worker([statement<EndpointRow>(selectById, [id])])
    if (!row) return null
    const keys = await keyring.load(row.tenant_id, [id])
    if (keys.erased(id)) return null
    const secrets = row.secrets_sealed.map((sealed) => readSecret(keys.read(sealed, secretPlace(id))))
    const usable = secrets.filter((secret) => secret !== null)
    return { id, tenantId: row.tenant_id, partner: row.partner, programme: programmeOf(row, keys), secrets: usable }
  }

  return {
    find: (id) => lookups.find(id),
    async create({ tenantId, partner, programme, actorId, requestId }, also) {
      const id = ids.uuid()
      const keys = await keyring.createRecordKeys(tenantId, [id]).catch((error: unknown) => {
        if (error instanceof TenantUnknown) return null
        throw error
      })
      if (!keys) return null
      const secret = `whsec_${Buffer.from(ids.secret(secretBytes), 'base64url').toString('base64')}`
      const secretsSealed = [keys.seal(id, secretPlace(id), secret)]
      const programmeSealed = programme === null ? null : keys.seal(id, programmePlace(id), programme)
      const time = clock.now()
      const about = { id: ids.uuid(), time, tenantId, causationId: requestId }
      await postgres.group(tenantId, [
        statement(insert, [id, partner, secretsSealed, programmeSealed, time]),
        insertEvents('ingest', [endpointCreated(about, { endpointId: id, partner, actorId })]),
        ...(await also({ id, secret })),
      ])
      lookups.forget(id)
      deps.wakeRelay()
      return { id, secret }
    },
    async list(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [statement<EndpointRow>(selectPage, [before, limit])])
      const keys = await keyring.load(
        tenantId,
        rows.map(({ id }) => id),
      )
      return rows.map((row) => ({
        id: row.id,
        partner: row.partner,
        programme: keys.erased(row.id) ? null : programmeOf(row, keys),
        createdAt: row.created_at,
      }))
    },
  }
}

function programmeOf(row: EndpointRow, keys: Keys): string | null {
  return row.programme_sealed === null ? null : keys.read(row.programme_sealed, programmePlace(row.id))
}
