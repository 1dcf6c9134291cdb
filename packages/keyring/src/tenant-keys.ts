import { randomBytes } from 'node:crypto'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import { decrypt, encrypt, secretBytes } from './authenticated-encryption.ts'
import { TenantUnknown } from './errors.ts'
import { keyLifeMs } from './key-cache.ts'
import { insertTenantKey, selectTenantKeys, type KeyRow, type NewKey } from './key-statements.ts'
import type { RootKey } from './root-key.ts'

/** A tenant key is read again after this long, so that whoever got it can still use it within its 60 s. */
const renewedMs = 30_000
const tenantsMax = 10_000

/** The unwrapped key of one tenant: makes and opens the wrapped form of data keys. */
export interface TenantKey {
  /** a new random data key, wrapped */
  create(keyId: string): NewKey
  /** null where the row was changed or moved */
  unwrap(row: KeyRow): Buffer | null
}

export interface TenantKeys {
  /** Throws `TenantUnknown`. */
  get(tenantId: string): Promise<TenantKey>
  /** Makes the tenant's first key unless it has one. */
  create(tenantId: string): Promise<void>
  sweep(): void
  clear(): void
}

type Held = { readonly secrets: ReadonlyMap<number, Buffer>; readonly readAtMs: number; readonly key: TenantKey }

export function createTenantKeys(deps: { postgres: Postgres; rootKey: RootKey; clock: Clock }): TenantKeys {
  const held = new Map<string, Held>()
  const reading = new Map<string, Promise<TenantKey>>()
  const retired = new Set<Held>()

  async function read(tenantId: string): Promise<TenantKey> {
    const readAtMs = deps.clock.nowMs()
    const [rows] = await deps.postgres.group(tenantId, [selectTenantKeys()])
    if (rows.length === 0) throw new TenantUnknown(tenantId)
    const secrets = new Map<number, Buffer>()
    for (const row of rows) {
      const wrapped = { rootKeyId: row.root_key_id, wrapped: row.wrapped_key }
      secrets.set(row.version, await deps.rootKey.unwrap(wrapped, { tenantId, version: row.version }))
    }
    const key = createTenantKey(tenantId, secrets)
    retire(tenantId)
    held.set(tenantId, { secrets, readAtMs, key })
    if (held.size > tenantsMax) retire(held.keys().next().value as string)
    return key
  }

  /** Work in flight may still use it: it is zeroised by the sweep at the end of its life. */
  function retire(tenantId: string): void {
    const entry = held.get(tenantId)
    if (entry) retired.add(entry)
    held.delete(tenantId)
  }

  return {
    async get(tenantId) {
      const entry = held.get(tenantId)
      if (entry && Math.abs(deps.clock.nowMs() - entry.readAtMs) < renewedMs) return entry.key
      const underWay = reading.get(tenantId)
      if (underWay) return underWay
      const promise = read(tenantId).finally(() => reading.delete(tenantId))
      reading.set(tenantId, promise)
      return promise
    },
    async create(tenantId) {
      const secret = randomBytes(secretBytes)
      const { rootKeyId, wrapped } = await deps.rootKey.wrap(secret, { tenantId, version: 1 })
      secret.fill(0)
      await deps.postgres.group(tenantId, [
        insertTenantKey({ version: 1, rootKeyId, wrapped, createdAt: deps.clock.now() }),
      ])
    },
    sweep() {
      const nowMs = deps.clock.nowMs()
      const isOver = (entry: Held): boolean => Math.abs(nowMs - entry.readAtMs) >= keyLifeMs
      for (const [tenantId, entry] of held) if (isOver(entry)) retire(tenantId)
      for (const entry of retired) {
        if (!isOver(entry)) continue
        zeroise(entry)
        retired.delete(entry)
      }
    },
    clear() {
      for (const entry of [...held.values(), ...retired]) zeroise(entry)
      held.clear()
      retired.clear()
    },
  }
}

function zeroise(entry: Held): void {
  for (const secret of entry.secrets.values()) secret.fill(0)
}

function createTenantKey(tenantId: string, secrets: ReadonlyMap<number, Buffer>): TenantKey {
  const current = Math.max(...secrets.keys())
  return {
    create(keyId) {
      const secret = randomBytes(secretBytes)
      const wrapped = encrypt(secrets.get(current) as Buffer, addressOf(tenantId, keyId, 1), secret)
      secret.fill(0)
      return { keyId, wrapped, tenantKeyVersion: current }
    },
    unwrap(row) {
      const secret = secrets.get(row.tenant_key_version ?? 0)
      if (!secret || !row.wrapped_key) return null
      return decrypt(secret, addressOf(tenantId, row.key_id, row.version ?? 0), row.wrapped_key)
    },
  }
}

/** A wrapped data key opens for this tenant, key id and version only. */
function addressOf(tenantId: string, keyId: string, version: number): Buffer {
  return Buffer.from(JSON.stringify(['data-key', tenantId, keyId, version]))
}
