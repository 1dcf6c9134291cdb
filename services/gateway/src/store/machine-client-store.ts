import type { MachineClient, MachineKey } from '@csr/contracts/http/tokens'
import type { SealedText } from '@csr/contracts/events/envelope'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Also } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { isSameSecret } from '../domain/same-secret.ts'
import { machineClientCreated, tokenRevoked } from '../events.ts'
import { revokeTokens } from './revocation-statements.ts'

/** A machine as it presents itself: which tenant's, as what, and what it must prove. */
export type FoundClient = {
  readonly id: string
  readonly tenantId: string
  readonly role: MachineClient['role']
  /** null where it has a secret */
  readonly publicKeys: readonly MachineKey[] | null
}

export type WantedClient = {
  readonly tenantId: string
  readonly name: string
  readonly role: MachineClient['role']
  /** null for a secret */
  readonly publicKeys: readonly MachineKey[] | null
  readonly actorId: string
  readonly requestId: string
}

export type NewClient = MachineClient & { readonly secret: string | null }

type By = { readonly actorId: string; readonly requestId: string }

export interface MachineClientStore {
  /** the secret is told once: 256 bits, kept as an HMAC; null for clients with keys */
  create(wanted: WantedClient, also: Also<NewClient>): Promise<NewClient>
  list(tenantId: string): Promise<readonly MachineClient[]>
  /** false where the tenant has no such client; its tokens are refused within a minute */
  remove(tenantId: string, clientId: string, by: By): Promise<boolean>
  find(clientId: string): Promise<FoundClient | null>
  /** the same work whether the client is unknown, has no secret or another one */
  hasSecret(clientId: string, secret: string): Promise<boolean>
  /** true once per assertion, over all gateways */
  useAssertion(client: FoundClient, assertionId: string, expiresAtMs: number): Promise<boolean>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'createRecordKeys' | 'load' | 'fingerprint'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
  /** takes effect in this process at once */
  readonly onRevoked: (kind: 'actor', id: string, atMs: number) => void
}

type Row = {
  readonly client_id: string
  readonly name_sealed: SealedText
  readonly role: MachineClient['role']
  readonly by_secret: boolean
  readonly created_at: string
}
type FoundRow = {
  readonly tenant_id: string
  readonly role: MachineClient['role']
  readonly secret: string | null
  readonly public_keys: readonly MachineKey[] | null
}

const placeOf = (id: string) => ({ field: 'gateway.machine_clients.name', row: id })
const methodOf = (bySecret: boolean): MachineClient['method'] => (bySecret ? 'client_secret' : 'private_key_jwt')

export function createMachineClientStore(deps: Deps): MachineClientStore {
  const { postgres, clock } = deps

  async function read(clientId: string): Promise<FoundRow | null> {
    const text = 'select tenant_id, role, secret, public_keys from gateway.machine_clients where client_id = $1'
    const [[row]] = await postgres.worker([statement<FoundRow>(text, [clientId])])
    return row ?? null
  }

  return {
    create: (wanted, also) => create(deps, wanted, also),
    list: (tenantId) => list(deps, tenantId),
    async remove(tenantId, clientId, { actorId, requestId }) {
      if ((await read(clientId))?.tenant_id !== tenantId) return false
      const atMs = clock.nowMs()
      const revoked = { tenantId, kind: 'actor', id: clientId, reason: 'client-removed', actorId, requestId } as const
      await postgres.group(tenantId, [
        statement('delete from gateway.machine_clients where client_id = $1', [clientId]),
        revokeTokens('actor', clientId, atMs),
        insertEvents('gateway', [tokenRevoked(revoked, { id: deps.ids.uuid(), time: clock.now() })]),
      ])
      deps.onRevoked('actor', clientId, atMs)
      deps.relay.wake()
      return true
    },
    async find(clientId) {
      const row = await read(clientId)
      return row && { id: clientId, tenantId: row.tenant_id, role: row.role, publicKeys: row.public_keys }
    },
    async hasSecret(clientId, secret) {
      const kept = (await read(clientId))?.secret ?? ''
      return isSameSecret(kept.padEnd(hmacCharacters), hmacOf(deps, 'client-secret', clientId, secret))
    },
    async useAssertion({ id, tenantId }, assertionId, expiresAtMs) {
      const insert = statement<{ client_id: string }>(
        `insert into gateway.client_assertions (tenant_id, client_id, assertion, expires_at)
         values (ops.tenant_id(), $1, $2, $3) on conflict do nothing returning client_id`,
        [id, hmacOf(deps, 'client-assertion', id, assertionId), new Date(expiresAtMs)],
      )
      const [rows] = await postgres.group(tenantId, [insert])
      return rows.length > 0
    },
  }
}

const hmacCharacters = 43

function hmacOf({ keyring }: Deps, purpose: string, ...parts: [clientId: string, value: string]): string {
  return keyring.fingerprint(platformTenantId, purpose, ...parts)
}

async function create(deps: Deps, wanted: WantedClient, also: Also<NewClient>): Promise<NewClient> {
  const { keyring, clock, ids } = deps
  const { tenantId, name, role, publicKeys, actorId, requestId } = wanted
  const id = ids.uuid()
  const secret = publicKeys === null ? ids.secret() : null
  const keys = await keyring.createRecordKeys(tenantId, [id])
  const time = clock.now()
  const insert = statement(
    `insert into gateway.machine_clients (tenant_id, client_id, name_sealed, role, secret, public_keys, created_at)
     values (ops.tenant_id(), $1, $2, $3, $4, $5::jsonb, $6)`,
    [
      ...[id, keys.seal(id, placeOf(id), name), role, secret && hmacOf(deps, 'client-secret', id, secret)],
      ...[publicKeys && JSON.stringify(publicKeys), time],
    ],
  )
  const method = methodOf(secret !== null)
  const told = { tenantId, clientId: id, role, method, actorId, requestId }
  const event = machineClientCreated(told, { id: ids.uuid(), time })
  const made = { id, name, role, method, createdAt: time, secret }
  await deps.postgres.group(tenantId, [insert, insertEvents('gateway', [event]), ...(await also(made))])
  deps.relay.wake()
  return made
}

async function list({ postgres, keyring }: Deps, tenantId: string): Promise<MachineClient[]> {
  const select = statement<Row>(
    `select client_id, name_sealed, role, secret is not null as by_secret, created_at
     from gateway.machine_clients where tenant_id = ops.tenant_id() order by client_id desc limit 200`,
  )
  const [rows] = await postgres.group(tenantId, [select])
  const keyIds = rows.map((row) => row.client_id)
  const keys = await keyring.load(tenantId, keyIds)
  return rows.map(({ client_id: id, name_sealed, role, by_secret, created_at }) => {
    const name = keys.read(name_sealed, placeOf(id))
    return { id, name, role, method: methodOf(by_secret), createdAt: created_at }
  })
}
