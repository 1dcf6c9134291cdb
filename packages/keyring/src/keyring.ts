import type { Service } from '@csr/contracts/services'
import { createPostgres } from '@csr/postgres/connect'
import { PostgresUnavailable } from '@csr/postgres/errors'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { blindIndexesOf, type BlindIndexes, type Identifiers } from './blind-index.ts'
import { KeyringUnavailable } from './errors.ts'
import { openIndexKey, toUuid } from './index-key.ts'
import { createKeyCache, type KeyCell } from './key-cache.ts'
import { deleteKeys, selectKeys, selectPeople, updateRestricted, type KeyKind } from './key-statements.ts'
import { createKeys, type KeyAlarms, type Keys } from './keys.ts'
import { createInStore, loadFromStore, type Loaded } from './load-keys.ts'
import { placeFromMemory, placeInStore, type Placement } from './resolve-subjects.ts'
import { openFileRootKey, type RootKey } from './root-key.ts'
import { createTenantKeys } from './tenant-keys.ts'

/** Ids in the order of the people asked for, and the keys of all of them. */
export type Resolved = {
  readonly subjectIds: readonly string[]
  readonly keys: Keys
  /** people whose external id belongs to somebody else than their e-mail: a merge suggestion, nothing was merged */
  readonly conflicts: readonly { readonly index: number; readonly subjectId: string; readonly otherSubjectId: string }[]
}

/**
 * Keys and identities of the people of all tenants. Every call that has to ask the store answers or throws
 * `KeyringUnavailable` within 2 s; a tenant without a key is `TenantUnknown`. Nothing here runs inside a data transaction.
 */
export interface Keyring extends Resource {
  /** Makes the tenant's key unless it has one. */
  createTenant(tenantId: string): Promise<void>
  /** Finds people by their identifiers and makes a key for who is unknown. What is known is answered from memory for 15 s. */
  resolveSubjects(tenantId: string, people: readonly Identifiers[]): Promise<Resolved>
  /** The id of a known person, or null. Creates nothing. */
  findSubject(tenantId: string, identifiers: Identifiers): Promise<string | null>
  /** The keys of subjects and records; what memory does not hold is read in one round trip. */
  load(tenantId: string, keyIds: readonly string[]): Promise<Keys>
  /** Keys of their own for what has no person; repeating it changes nothing. */
  createRecordKeys(tenantId: string, recordIds: readonly string[]): Promise<Keys>
  /** Destroys record keys: what they sealed is erased. Ids without a key are passed over. */
  destroyKeys(tenantId: string, keyIds: readonly string[]): Promise<void>
  /** Destroys a subject's key and identifiers for ever. The privacy service alone may; elsewhere known as erased within 15 s. */
  eraseSubject(tenantId: string, subjectId: string): Promise<void>
  /** Marks a subject as restricted (Art. 18), or lifts it. False where there is no such subject. The privacy service alone may. */
  restrictSubject(tenantId: string, subjectId: string, restricted: boolean): Promise<boolean>
  /** HMAC-SHA-256 of the parts under the tenant's key for this purpose, base64url */
  fingerprint(tenantId: string, purpose: string, ...parts: (string | Uint8Array)[]): string
  /** The same as an id: UUIDv8 */
  fingerprintUuid(tenantId: string, purpose: string, ...parts: string[]): string
}

export type KeyringOptions = {
  readonly service: Service
  readonly keysUrl: string
  readonly rootKeyFile: string
  readonly indexKeyFile: string
  readonly logger: Logger
  readonly clock: Clock
  readonly ids: Ids
  readonly telemetry?: Telemetry
  /** instead of the file's, e.g. a transit engine */
  readonly rootKey?: RootKey
}

const answerMs = 1_800
const sweepMs = 5_000

/** Opens the key files (throws `KeyFileRefused`) and the key store, which may come up later. */
export function createKeyring(options: KeyringOptions): Keyring {
  const { clock, ids, logger } = options
  const rootKey = options.rootKey ?? openFileRootKey(options.rootKeyFile)
  const indexKey = openIndexKey(options.indexKeyFile)
  const postgres = createPostgres({
    name: 'keys',
    url: options.keysUrl,
    logger,
    connectionsMax: 5,
    ...(options.telemetry && { telemetry: options.telemetry }),
  })
  const cache = createKeyCache(clock)
  const tenantKeys = createTenantKeys({ postgres, rootKey, clock })
  const deps = { postgres, cache, tenantKeys, clock, ids }
  const view = (tenantId: string, cells: Loaded): Keys => createKeys(tenantId, cells, { cache, alarms })
  const alarms = createAlarms(logger, options.telemetry)

  // Requests that miss at the same time share a round trip and a commit.
  const placing = groupCommit<readonly BlindIndexes[], readonly Placement[]>({
    run: async (tenantId, items) => regroup(items, await placeInStore(deps, tenantId, items.flat())),
  })
  const loading = groupCommit<readonly string[], Loaded>({
    run: async (tenantId, items) => {
      const loaded = await loadFromStore(deps, tenantId, items.flat())
      return items.map(() => loaded)
    },
  })

  async function resolve(tenantId: string, people: readonly BlindIndexes[]): Promise<readonly Placement[]> {
    const placements = people.map((person) => placeFromMemory(cache, tenantId, person))
    const unknown = people.filter((_, index) => !placements[index])
    if (unknown.length === 0) return placements as Placement[]
    const placed = (await inTime(placing.submit(tenantId, unknown))).values()
    return placements.map((placement) => placement ?? (placed.next().value as Placement))
  }

  async function destroy(tenantId: string, kind: KeyKind, keyIds: readonly string[]): Promise<void> {
    const [, rows] = await inTime(postgres.group(tenantId, [deleteKeys(kind, keyIds), selectKeys(keyIds)]))
    const kept = rows.find((row) => !row.erased)
    if (kept) throw new Error(`Key ${kept.key_id} was not destroyed: this service may not destroy it`)
    for (const row of rows) cache.put(tenantId, { keyId: row.key_id, version: 0, secret: 'erased', restricted: false })
  }

  let sweeper: NodeJS.Timeout | undefined
  return {
    name: 'keyring',
    async start() {
      sweeper ??= setInterval(() => (cache.sweep(), tenantKeys.sweep()), sweepMs).unref()
      await postgres.start?.()
    },
    readiness: () => postgres.readiness?.() ?? { ready: true },
    createTenant: (tenantId) => inTime(tenantKeys.create(tenantId)),
    async resolveSubjects(tenantId, people) {
      const hash = indexKey.blindIndex(tenantId)
      const placements = await resolve(
        tenantId,
        people.map((person) => blindIndexesOf(hash, person)),
      )
      return toResolved(placements, (cells) => view(tenantId, cells))
    },
    async findSubject(tenantId, identifiers) {
      const person = blindIndexesOf(indexKey.blindIndex(tenantId), identifiers)
      const known = placeFromMemory(cache, tenantId, person)
      if (known) return known.subject.keyId
      await inTime(tenantKeys.get(tenantId))
      const indexes = [person.email, person.external].filter((index) => index !== null)
      const [rows] = await inTime(postgres.group(tenantId, [selectPeople(indexes)]))
      const idOf = (index: string | null) => rows.find((row) => row.blind_index === index && !row.erased)?.key_id
      return idOf(person.email) ?? idOf(person.external) ?? null
    },
    async load(tenantId, keyIds) {
      const cells: Loaded = new Map()
      for (const keyId of keyIds) cells.set(keyId, cache.fresh(tenantId, keyId) ?? null)
      const wanted = [...cells].filter(([, cell]) => cell === null).map(([keyId]) => keyId)
      if (wanted.length === 0) return view(tenantId, cells)
      const loaded = await inTime(loading.submit(tenantId, wanted))
      for (const keyId of wanted) cells.set(keyId, loaded.get(keyId) ?? null)
      return view(tenantId, cells)
    },
    createRecordKeys: async (tenantId, recordIds) =>
      view(tenantId, await inTime(createInStore(deps, tenantId, recordIds))),
    destroyKeys: (tenantId, keyIds) => destroy(tenantId, 'record', keyIds),
    eraseSubject: (tenantId, subjectId) => destroy(tenantId, 'subject', [subjectId]),
    async restrictSubject(tenantId, subjectId, restricted) {
      const [rows] = await inTime(postgres.group(tenantId, [updateRestricted(subjectId, restricted)]))
      const cell = cache.fresh(tenantId, subjectId)
      if (cell && rows.length > 0) cell.restricted = restricted
      return rows.length > 0
    },
    fingerprint: (tenantId, purpose, ...parts) => indexKey.fingerprint(tenantId, purpose)(parts).toString('base64url'),
    fingerprintUuid: (tenantId, purpose, ...parts) => toUuid(indexKey.fingerprint(tenantId, purpose)(parts)),
    async [Symbol.asyncDispose]() {
      clearInterval(sweeper)
      cache.clear()
      tenantKeys.clear()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

/** Answers in time or not at all: behind a slow flush an item would wait for two. */
async function inTime<Result>(work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new KeyringUnavailable('no answer in time')), answerMs)
  try {
    return await Promise.race([work, promise])
  } catch (error) {
    if (error instanceof PostgresUnavailable)
      throw new KeyringUnavailable('the key store does not answer', { cause: error })
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function regroup<Item, Result>(items: readonly (readonly Item[])[], results: readonly Result[]): Result[][] {
  let at = 0
  return items.map((item) => results.slice(at, (at += item.length)))
}

function toResolved(placements: readonly Placement[], view: (cells: Map<string, KeyCell>) => Keys): Resolved {
  const cells = new Map<string, KeyCell>()
  const conflicts: Resolved['conflicts'][number][] = []
  const subjectIds = placements.map(({ subject, other }, index) => {
    cells.set(subject.keyId, subject)
    if (other) conflicts.push({ index, subjectId: subject.keyId, otherSubjectId: other.keyId })
    return subject.keyId
  })
  return { subjectIds, keys: view(cells), conflicts }
}

function createAlarms(logger: Logger, telemetry: Telemetry | undefined): KeyAlarms {
  const broken = telemetry?.counter('keyring_seals_broken_total', 'Sealed values that were changed, cut or moved')
  const missing = telemetry?.counter('keyring_keys_missing_total', 'Values whose key has neither row nor tombstone')
  return {
    broken(field, error) {
      broken?.add()
      logger.error('seal-broken', error, { field })
    },
    missing(field, keyId) {
      missing?.add()
      logger.error('key-missing', new Error('key missing'), { field, kid: keyId })
    },
  }
}
