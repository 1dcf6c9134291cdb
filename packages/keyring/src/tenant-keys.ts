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

type Deps = { readonly postgres: Postgres; readonly rootKey: RootKey; readonly clock: Clock }

export function createTenantKeys(deps: Deps): TenantKeys {
  const held = new Map<string, Held>()
  const reading = new Map<string, Promise<TenantKey>>()
  const retired = new Set<Held>()
  const ageMs = (entry: Held): number => Math.abs(deps.clock.nowMs() - entry.readAtMs)

  /** Work in flight may still use it: it is zeroised by the sweep at the end of its life. */
  function retire(tenantId: string): void {
    const entry = held.get(tenantId)
    if (entry) retired.add(entry)
    held.delete(tenantId)
  }

  async function read(tenantId: string): Promise<TenantKey> {
    const entry = await readTenantKey(deps, tenantId)
    retire(tenantId)
    held.set(tenantId, entry)
    if (held.size > tenantsMax) retire(held.keys().next().value as string)
    return entry.key
  }

  return {
    async get(tenantId) {
      const entry = held.get(tenantId)
      if (entry && ageMs(entry) < renewedMs) return entry.key
      const underWay = reading.get(tenantId)
      if (underWay) return underWay
      const promise = read(tenantId).finally(() => reading.delete(tenantId))
      reading.set(tenantId, promise)
      return promise
    },
    create: (tenantId) => createInStore(deps, tenantId),
    sweep() {
      for (const [tenantId, entry] of held) if (ageMs(entry) >= keyLifeMs) retire(tenantId)
      for (const entry of retired) {
        if (ageMs(entry) < keyLifeMs) continue
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

type Held = { readonly secrets: ReadonlyMap<number, Buffer>; readonly readAtMs: number; readonly key: TenantKey }

async function readTenantKey({ postgres, rootKey, clock }: Deps, tenantId: string): Promise<Held> {
  const readAtMs = clock.nowMs()
  const [rows] = await postgres.group(tenantId, [selectTenantKeys()])
  if (rows.length === 0) throw new TenantUnknown(tenantId)
  const secrets = new Map<number, Buffer>()
  for (const { version, root_key_id: rootKeyId, wrapped_key: wrapped } of rows) {
    secrets.set(version, await rootKey.unwrap({ rootKeyId, wrapped }, { tenantId, version }))
  }
  return { secrets, readAtMs, key: createTenantKey(tenantId, secrets) }
}

async function createInStore({ postgres, rootKey, clock }: Deps, tenantId: string): Promise<void> {
  const secret = randomBytes(secretBytes)
  const { rootKeyId, wrapped } = await rootKey.wrap(secret, { tenantId, version: 1 })
  secret.fill(0)
  await postgres.group(tenantId, [insertTenantKey({ version: 1, rootKeyId, wrapped, createdAt: clock.now() })])
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
