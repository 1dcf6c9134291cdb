import type { Postgres } from '@csr/postgres/connect'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Clock } from '@csr/runtime/clock'
import { answerInTime } from './answer-in-time.ts'
import type { KeyCache, KeyCell } from './key-cache.ts'
import {
  deleteKeys,
  deleteTenantKeys,
  insertRecordKeys,
  selectKeys,
  updateRestricted,
  type KeyKind,
  type KeyRow,
} from './key-statements.ts'
import type { TenantKey, TenantKeys } from './tenant-keys.ts'

/** What was asked for; null marks an id with neither key nor tombstone. */
export type Loaded = Map<string, KeyCell | null>

/** Data keys by id: read, made, destroyed. */
export interface KeyLoader {
  load(tenantId: string, keyIds: readonly string[]): Promise<Loaded>
  createRecords(tenantId: string, recordIds: readonly string[]): Promise<Loaded>
  destroy(tenantId: string, kind: KeyKind, keyIds: readonly string[]): Promise<void>
  /** all keys of a tenant; how many there were */
  destroyAll(tenantId: string): Promise<number>
  restrict(tenantId: string, subjectId: string, restricted: boolean): Promise<boolean>
}

type Deps = {
  readonly postgres: Postgres
  readonly cache: KeyCache
  readonly tenantKeys: TenantKeys
  readonly clock: Clock
}

/** Keys per group: keeps a statement far below its time-out. */
const keysMax = 2_000

/** What memory does not hold is read from the store; requests that miss at the same time share a round trip. */
export function createKeyLoader(deps: Deps): KeyLoader {
  const { postgres, cache } = deps
  const loading = groupCommit<readonly string[], Loaded>({
    run: async (tenantId, items) => {
      const loaded = await loadFromStore(deps, tenantId, items.flat())
      return items.map(() => loaded)
    },
  })
  return {
    async load(tenantId, keyIds) {
      const cells: Loaded = new Map()
      for (const keyId of keyIds) cells.set(keyId, cache.fresh(tenantId, keyId) ?? null)
      const wanted = [...cells].filter(([, cell]) => cell === null).map(([keyId]) => keyId)
      if (wanted.length === 0) return cells
      const loaded = await answerInTime(loading.submit(tenantId, wanted))
      for (const keyId of wanted) cells.set(keyId, loaded.get(keyId) ?? null)
      return cells
    },
    createRecords: (tenantId, recordIds) => answerInTime(createInStore(deps, tenantId, recordIds)),
    async destroy(tenantId, kind, keyIds) {
      const [, rows] = await answerInTime(postgres.group(tenantId, [deleteKeys(kind, keyIds), selectKeys(keyIds)]))
      for (const row of rows)
        if (row.erased) cache.put(tenantId, { keyId: row.key_id, version: 0, secret: 'erased', restricted: false })
      const kept = rows.find((row) => !row.erased)
      if (kept) throw new Error(`Key ${kept.key_id} was not destroyed: this service may not destroy it`)
    },
    async destroyAll(tenantId) {
      let destroyed = 0
      for (;;) {
        const [[row]] = await answerInTime(postgres.group(tenantId, [deleteTenantKeys(keysMax)]))
        if (!row || row.destroyed === 0) return destroyed
        destroyed += row.destroyed
      }
    },
    async restrict(tenantId, subjectId, restricted) {
      const [rows] = await answerInTime(postgres.group(tenantId, [updateRestricted(subjectId, restricted)]))
      const cell = cache.fresh(tenantId, subjectId)
      if (cell && rows.length > 0) cell.restricted = restricted
      return rows.length > 0
    },
  }
}

async function loadFromStore(deps: Deps, tenantId: string, keyIds: readonly string[]): Promise<Loaded> {
  const loaded: Loaded = new Map()
  for (const some of slices(keyIds)) {
    const tenantKey = await deps.tenantKeys.get(tenantId)
    const [rows] = await deps.postgres.group(tenantId, [selectKeys(some)])
    keep(deps.cache, tenantId, { tenantKey, keyIds: some, rows }, loaded)
  }
  return loaded
}

/** Makes the keys that are not there yet, and reads them in the same round trip. */
async function createInStore(deps: Deps, tenantId: string, recordIds: readonly string[]): Promise<Loaded> {
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
