import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { KeyCache, KeyCell } from './key-cache.ts'
import { insertRecordKeys, selectKeys, type KeyRow } from './key-statements.ts'
import type { TenantKey, TenantKeys } from './tenant-keys.ts'

type Deps = {
  readonly postgres: Postgres
  readonly cache: KeyCache
  readonly tenantKeys: TenantKeys
  readonly clock: Clock
}

/** What was asked for; null marks an id with neither key nor tombstone. */
export type Loaded = Map<string, KeyCell | null>

/** Keys per group: keeps a statement far below its time-out. */
const keysMax = 2_000

/** Reads keys of one tenant, one round trip per two thousand. */
export async function loadFromStore(deps: Deps, tenantId: string, keyIds: readonly string[]): Promise<Loaded> {
  const loaded: Loaded = new Map()
  for (const some of slices(keyIds)) {
    const tenantKey = await deps.tenantKeys.get(tenantId)
    const [rows] = await deps.postgres.group(tenantId, [selectKeys(some)])
    keep(deps.cache, tenantId, { tenantKey, keyIds: some, rows }, loaded)
  }
  return loaded
}

/** Makes record keys that are not there yet, and reads them in the same round trip. */
export async function createInStore(deps: Deps, tenantId: string, recordIds: readonly string[]): Promise<Loaded> {
  const loaded: Loaded = new Map()
  for (const some of slices(recordIds)) {
    const tenantKey = await deps.tenantKeys.get(tenantId)
    const keys = some.map((recordId) => tenantKey.create(recordId))
    const [, rows] = await deps.postgres.group(tenantId, [insertRecordKeys(keys, deps.clock.now()), selectKeys(some)])
    keep(deps.cache, tenantId, { tenantKey, keyIds: some, rows }, loaded)
  }
  return loaded
}

/** Unwraps a row into the cache. */
export function remember(cache: KeyCache, tenantId: string, tenantKey: TenantKey, row: KeyRow): KeyCell {
  return cache.put(tenantId, {
    keyId: row.key_id,
    version: row.version ?? 0,
    secret: row.erased ? 'erased' : (tenantKey.unwrap(row) ?? 'broken'),
    restricted: row.restricted ?? false,
  })
}

function* slices(keyIds: readonly string[]): Generator<string[]> {
  const distinct = [...new Set(keyIds)]
  for (let at = 0; at < distinct.length; at += keysMax) yield distinct.slice(at, at + keysMax)
}

type Read = { readonly tenantKey: TenantKey; readonly keyIds: readonly string[]; readonly rows: readonly KeyRow[] }

function keep(cache: KeyCache, tenantId: string, { tenantKey, keyIds, rows }: Read, loaded: Loaded): void {
  for (const keyId of keyIds) loaded.set(keyId, null)
  for (const row of rows) loaded.set(row.key_id, remember(cache, tenantId, tenantKey, row))
}
