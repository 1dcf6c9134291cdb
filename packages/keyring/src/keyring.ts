import type { Service } from '@csr/contracts/services'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { answerInTime } from './answer-in-time.ts'
import { blindIndexesOf, type Identifiers } from './blind-index.ts'
import { openIndexKey, toUuid } from './index-key.ts'
import { createKeyCache, type KeyCell } from './key-cache.ts'
import { createKeys, type KeyAlarms, type Keys } from './keys.ts'
import { createKeyLoader, type Loaded } from './load-keys.ts'
import { createPersonCache } from './person-cache.ts'
import { createSubjectResolver, type Placement } from './resolve-subjects.ts'
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
  /**
   * Destroys every key of a tenant and all its identifiers, for ever; says how many keys there were. What was destroyed before
   * a failure stays so. The privacy service alone may; elsewhere known as erased within 15 s.
   */
  eraseTenant(tenantId: string): Promise<number>
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

const sweepMs = 5_000

/** Opens the key files (throws `KeyFileRefused`) and the key store, which may come up later. */
export function createKeyring(options: KeyringOptions): Keyring {
  const { clock, ids, logger, telemetry } = options
  const rootKey = options.rootKey ?? openFileRootKey(options.rootKeyFile)
  const indexKey = openIndexKey(options.indexKeyFile)
  const url = options.keysUrl
  const postgres = createPostgres({ name: 'keys', url, logger, connectionsMax: 5, ...(telemetry && { telemetry }) })
  const cache = createKeyCache(clock)
  const people = createPersonCache(clock)
  const tenantKeys = createTenantKeys({ postgres, rootKey, clock })
  const loader = createKeyLoader({ postgres, cache, tenantKeys, clock })
  const resolver = createSubjectResolver({ postgres, cache, people, tenantKeys, clock, ids })
  const alarms = createAlarms(logger, telemetry)
  const view = (tenantId: string, cells: Loaded): Keys => createKeys(tenantId, cells, { cache, alarms })
  const indexesOf = (tenantId: string, person: Identifiers) => blindIndexesOf(indexKey.blindIndex(tenantId), person)

  return {
    ...createLife(postgres, [cache, people, tenantKeys]),
    createTenant: (tenantId) => answerInTime(tenantKeys.create(tenantId)),
    async resolveSubjects(tenantId, wanted) {
      const indexes = wanted.map((person) => indexesOf(tenantId, person))
      return toResolved(await resolver.resolve(tenantId, indexes), (cells) => view(tenantId, cells))
    },
    findSubject: async (tenantId, person) => resolver.find(tenantId, indexesOf(tenantId, person)),
    load: async (tenantId, keyIds) => view(tenantId, await loader.load(tenantId, keyIds)),
    createRecordKeys: async (tenantId, recordIds) => view(tenantId, await loader.createRecords(tenantId, recordIds)),
    destroyKeys: (tenantId, keyIds) => loader.destroy(tenantId, 'record', keyIds),
    eraseSubject: (tenantId, subjectId) => loader.destroy(tenantId, 'subject', [subjectId]),
    eraseTenant: (tenantId) => loader.destroyAll(tenantId),
    restrictSubject: (tenantId, subjectId, restricted) => loader.restrict(tenantId, subjectId, restricted),
    fingerprint: (tenantId, purpose, ...parts) => indexKey.fingerprint(tenantId, purpose)(parts).toString('base64url'),
    fingerprintUuid: (tenantId, purpose, ...parts) => toUuid(indexKey.fingerprint(tenantId, purpose)(parts)),
  }
}

type Sweepable = { sweep(): void; clear(): void }

function createLife(postgres: Postgres, memories: readonly Sweepable[]): Resource {
  let sweeper: NodeJS.Timeout | undefined
  return {
    name: 'keyring',
    async start() {
      sweeper ??= setInterval(() => memories.forEach((memory) => memory.sweep()), sweepMs).unref()
      await postgres.start?.()
    },
    readiness: () => postgres.readiness?.() ?? { ready: true },
    async [Symbol.asyncDispose]() {
      clearInterval(sweeper)
      await postgres[Symbol.asyncDispose]()
      for (const memory of memories) memory.clear()
    },
  }
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
