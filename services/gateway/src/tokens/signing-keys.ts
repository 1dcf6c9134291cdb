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
import { keepReading } from '@csr/runtime/keep-reading'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import {
  activeOf,
  clockBehindMs,
  planRotation,
  stateOf,
  type Rotation,
  type SigningKeyState,
} from '../domain/signing-key.ts'
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
  let known: Known = { keys: [], signing: new Map(), readAtMs: Number.NEGATIVE_INFINITY }
  let first: PrivateJwk | null = null
  const tellBehind = clockTeller(options)
  const isFresh = (): boolean => Math.abs(clock.nowMs() - known.readAtMs) < knownLifeMs
  const reading = keepReading({
    ...{ everyMs: readEveryMs, retryMs },
    async read() {
      known = await load(options, known.signing, first)
      tellBehind(known.keys)
    },
    failed: (error) => isFresh() || logger.error('signing-keys-stale', error),
  })

  async function rotate(by: RotatedBy): Promise<Rotation | null> {
    const rotation = planRotation(await store.list(), clock.nowMs(), options.leadSeconds * 1_000)
    const rotated = rotation !== null && (await store.rotate(rotation, toStore(await generateSigningJwk()), by))
    await reading.now()
    if (!rotated) return null
    logger.info('signing-key-rotated', { kid: rotation.toKid })
    return rotation
  }

  return {
    name: 'signing keys',
    async start() {
      first = await readPrivateJwk(options.firstKeyFile)
      await importSigningKey(first, options.firstKeyFile)
      await reading.now()
    },
    readiness: () => (isFresh() ? { ready: true } : { ready: false, missing: 'signing-keys' }),
    active() {
      const key = isFresh() ? known.signing.get(activeOf(known.keys, clock.nowMs())?.kid ?? '') : undefined
      if (!key) throw new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })
      return key
    },
    jwks: () => publishedOf(known.keys, clock.nowMs()),
    async describe() {
      const listed = await store.list()
      const nowMs = clock.nowMs()
      return listed.map((key) => ({ ...key, state: stateOf(key, listed, nowMs) }))
    },
    rotate,
    maintain: () => maintain(options, { rotate, read: reading.now }),
    async [Symbol.asyncDispose]() {
      await reading.stop()
      known.signing.clear()
    },
  }
}

type Known = {
  readonly keys: readonly StoredSigningKey[]
  /** private halves by kid */
  readonly signing: Map<string, SigningKey>
  readonly readAtMs: number
}

/** Tells when the clock is found behind its keys, and when that is over: signing goes on, the clock is the operator's to set. */
function clockTeller({ clock, logger }: Options): (keys: readonly StoredSigningKey[]) => void {
  let isBehind = false
  return (keys) => {
    const behindMs = clockBehindMs(keys, clock.nowMs())
    if (behindMs > 0 === isBehind) return
    isBehind = behindMs > 0
    if (isBehind) logger.warn('clock-behind-signing-keys', { ms: behindMs })
    else logger.info('clock-past-signing-keys')
  }
}

/** Reads the table and opens what is new; the age of what is read counts from before it was asked for. */
async function load({ store, clock }: Options, before: Known['signing'], first: PrivateJwk | null): Promise<Known> {
  const readAtMs = clock.nowMs()
  let keys = await store.list()
  if (keys.length === 0 && first) {
    await store.addFirst(toStore(first))
    keys = await store.list()
  }
  const signing = new Map<string, SigningKey>()
  const isNew = ({ kid, privateSealed }: StoredSigningKey): boolean => privateSealed !== null && !before.has(kid)
  for (const [kid, jwk] of await store.open(keys.filter(isNew))) {
    signing.set(kid, await importSigningKey(JSON.parse(jwk) as PrivateJwk, `signing key ${kid}`))
  }
  for (const { kid, privateSealed } of keys) {
    const known = privateSealed === null ? undefined : before.get(kid)
    if (known) signing.set(kid, known)
  }
  return { keys, signing, readAtMs }
}

type Upkeep = { rotate(by: RotatedBy): Promise<Rotation | null>; read(): Promise<void> }

async function maintain({ store, clock, lifeDays }: Options, { rotate, read }: Upkeep): Promise<void> {
  const found = await store.list()
  if (found.length > 0 && found.every(({ activeFromMs }) => activeFromMs !== null)) {
    await store.addNext(toStore(await generateSigningJwk()))
    await read()
  }
  const nowMs = clock.nowMs()
  if (isDue(found, nowMs, lifeDays)) await rotate({ actorId: null, requestId: 'signing-key-days' })
  await store.destroyPrivate(idleOf(found, nowMs))
}

function toStore(jwk: PrivateJwk): NewSigningKey {
  return { publicJwk: publicJwkOf(jwk), privateJwk: JSON.stringify(jwk) }
}

function publishedOf(keys: readonly StoredSigningKey[], nowMs: number): PublicJwk[] {
  return keys.filter((key) => stateOf(key, keys, nowMs) !== 'retired').map(({ publicJwk }) => publicJwk)
}

function isDue(keys: readonly StoredSigningKey[], nowMs: number, lifeDays: number): boolean {
  const active = activeOf(keys, nowMs)
  return active?.retiresAtMs === null && nowMs - (active.activeFromMs ?? nowMs) >= lifeDays * dayMs
}

/** Keys whose successor has signed for longer than any gateway may not have noticed. */
function idleOf(keys: readonly StoredSigningKey[], nowMs: number): string[] {
  const activeFromMs = activeOf(keys, nowMs)?.activeFromMs ?? nowMs
  if (nowMs - activeFromMs < knownLifeMs) return []
  return keys
    .filter((key) => key.activeFromMs !== null && key.activeFromMs < activeFromMs && key.privateSealed !== null)
    .map(({ kid }) => kid)
}
