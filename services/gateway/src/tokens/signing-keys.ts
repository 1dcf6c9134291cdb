import {
  generateSigningJwk,
  importSigningKey,
  publicJwkOf,
  readPrivateJwk,
  type PrivateJwk,
  type PublicJwk,
  type SigningKey,
} from '@csr/http/keys'
import { ProblemError } from '@csr/http/problem'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { activeOf, planRotation, stateOf, type Rotation, type SigningKeyState } from '../domain/signing-key.ts'
import type { NewSigningKey, RotatedBy, SigningKeyStore, StoredSigningKey } from '../store/signing-key-store.ts'

export type DescribedKey = {
  readonly kid: string
  readonly state: SigningKeyState
  readonly publishedAtMs: number
  readonly activeFromMs: number | null
  readonly retiresAtMs: number | null
}

/** The keys that sign access tokens, as this gateway knows them. */
export interface SigningKeys extends Resource {
  /** signs now; throws `dependency-unavailable` while what is known is older than a minute */
  active(): SigningKey
  /** public members of next, active and retiring keys */
  jwks(): readonly PublicJwk[]
  describe(): Promise<readonly DescribedKey[]>
  /** next takes over; null where nothing waits or somebody else just did it */
  rotate(by: RotatedBy): Promise<Rotation | null>
  /** one round of upkeep, for the gateway that holds the lease: a next key, a rotation when due, no idle private half */
  maintain(): Promise<void>
}

type Options = {
  readonly store: SigningKeyStore
  readonly clock: Clock
  readonly logger: Logger
  /** the key of set-up: the first one there is */
  readonly firstKeyFile: string
  /** a key is public this long before its first use */
  readonly leadSeconds: number
  /** a key signs this long before the next one takes over */
  readonly lifeDays: number
}

const readEveryMs = 5_000
const retryMs = 1_000
/** What this process knows may be this old; the overlap of two keys allows for it. */
const knownLifeMs = 60_000
const dayMs = 86_400_000

/**
 * Keys live in the gateway's table, so that several gateways sign with the same one. `start` refuses a missing or short key
 * file, and imports it where there is no key at all; a key that is missing later is never replaced by a fresh one.
 */
export function createSigningKeys(options: Options): SigningKeys {
  const { store, clock, logger } = options
  const signing = new Map<string, SigningKey>()
  let keys: readonly StoredSigningKey[] = []
  let readAtMs = Number.NEGATIVE_INFINITY
  let first: PrivateJwk | null = null
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | null = null
  let stopped = false

  const isFresh = (): boolean => Math.abs(clock.nowMs() - readAtMs) < knownLifeMs

  async function load(): Promise<void> {
    const askedAtMs = clock.nowMs()
    let listed = await store.list()
    if (listed.length === 0 && first) {
      await store.addFirst(toStore(first))
      listed = await store.list()
    }
    const wanted = listed.filter(({ kid, privateSealed }) => privateSealed !== null && !signing.has(kid))
    for (const [kid, jwk] of await store.open(wanted)) {
      signing.set(kid, await importSigningKey(JSON.parse(jwk) as PrivateJwk, `signing key ${kid}`))
    }
    for (const { kid, privateSealed } of listed) if (privateSealed === null) signing.delete(kid)
    keys = listed
    readAtMs = askedAtMs
  }

  function read(): Promise<void> {
    reading ??= load()
      .then(
        () => next(readEveryMs),
        (error: unknown) => {
          if (!isFresh()) logger.error('signing-keys-stale', error)
          next(retryMs)
        },
      )
      .finally(() => (reading = null))
    return reading
  }

  function next(afterMs: number): void {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(() => void read(), afterMs).unref()
  }

  async function rotate(by: RotatedBy): Promise<Rotation | null> {
    const rotation = planRotation(await store.list(), clock.nowMs(), options.leadSeconds * 1_000)
    const rotated = rotation !== null && (await store.rotate(rotation, toStore(await generateSigningJwk()), by))
    await read()
    if (!rotated) return null
    logger.info('signing-key-rotated', { kid: rotation.toKid })
    return rotation
  }

  async function maintain(): Promise<void> {
    const listed = await store.list()
    const nowMs = clock.nowMs()
    const active = activeOf(listed, nowMs)
    if (!active) return
    if (!listed.some(({ activeFromMs }) => activeFromMs === null)) {
      await store.addNext(toStore(await generateSigningJwk()))
      await read()
    }
    const isOld = nowMs - (active.activeFromMs ?? nowMs) >= options.lifeDays * dayMs
    if (isOld && active.retiresAtMs === null) await rotate({ actorId: null, requestId: active.kid })
    await store.destroyPrivate(idleOf(listed, active, nowMs))
  }

  return {
    name: 'signing keys',
    async start() {
      first = await readPrivateJwk(options.firstKeyFile)
      await importSigningKey(first, options.firstKeyFile)
      await read()
    },
    readiness: () => (isFresh() ? { ready: true } : { ready: false, missing: 'signing-keys' }),
    active() {
      const key = isFresh() ? signing.get(activeOf(keys, clock.nowMs())?.kid ?? '') : undefined
      if (!key) throw new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })
      return key
    },
    jwks: () => keys.filter((key) => stateOf(key, keys, clock.nowMs()) !== 'retired').map((key) => key.publicJwk),
    async describe() {
      const listed = await store.list()
      const nowMs = clock.nowMs()
      return listed.map((key) => ({ ...key, state: stateOf(key, listed, nowMs) }))
    },
    rotate,
    maintain,
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await reading
      signing.clear()
    },
  }
}

function toStore(jwk: PrivateJwk): NewSigningKey {
  return { publicJwk: publicJwkOf(jwk), privateJwk: JSON.stringify(jwk) }
}

/** Keys whose successor has signed for longer than any gateway may not have noticed. */
function idleOf(listed: readonly StoredSigningKey[], active: StoredSigningKey, nowMs: number): string[] {
  if (nowMs - (active.activeFromMs ?? nowMs) < knownLifeMs) return []
  return listed
    .filter(({ kid, activeFromMs, privateSealed }) => {
      const isBehind = activeFromMs !== null && activeFromMs < (active.activeFromMs ?? 0)
      return kid !== active.kid && isBehind && privateSealed !== null
    })
    .map(({ kid }) => kid)
}
