import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import { keepReading } from '@csr/runtime/keep-reading'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { CryptoKey } from 'jose'
import { importPublicJwk, rereadCoolDownMs, type PublicJwk } from './keys.ts'
import { ProblemError } from './problem.ts'

/** What a verified token says about itself, as far as revocations go. */
export type Revocable = {
  readonly sessionId: string | null
  readonly actorId: string
  /** `iat` */
  readonly issuedAtSeconds: number
}

/** Why nothing of a tenant is answered. */
export type Stop = 'suspended' | 'closed'

/**
 * What the gateway's tables say about access tokens: the keys that sign them, what was revoked, and which tenants are
 * stopped. Read every 10 s by the worker role of each service; knowledge older than a minute is no knowledge, and every access token is answered 503.
 */
export interface TokenTrust {
  /** throws `dependency-unavailable` where what is known is older than a minute */
  assertFresh(): void
  /** null where the table does not name it; asks again for a kid it does not know, with a cool-down */
  key(kid: string): Promise<CryptoKey | null>
  /** true for a key whose overlap is over: what it signed is refused */
  isRetired(kid: string): boolean
  isRevoked(token: Revocable): boolean
  /** null where the tenant is open */
  stopOf(tenantId: string): Stop | null
  /** reads now; what was committed before the call is known after it, or at the next round where it cannot be read */
  reread(): Promise<void>
  /** takes effect in this process at once; others read it within 10 s */
  revoke(kind: RevocationKind, id: string, atMs: number): void
}

/** A session, or everything an account or a machine client holds. */
export type RevocationKind = 'session' | 'actor'

type Options = {
  readonly postgres: Pick<Postgres, 'worker'>
  readonly clock: Clock
  readonly logger: Logger
}

const readEveryMs = 10_000
const retryMs = 1_000
/** Signing keys are published at least as long before their first use. */
export const trustLifeMs = 60_000

/** Keeps reading from its start on; never fails to start, says in its readiness when it knows nothing fresh. */
export function readTokenTrust(options: Options): TokenTrust & Resource {
  const { clock, logger } = options
  let known: Known = { readAtMs: Number.NEGATIVE_INFINITY, keys: new Map(), revoked: new Map(), stopped: new Map() }
  let askedAgainAtMs = Number.NEGATIVE_INFINITY
  const isFresh = (): boolean => Math.abs(clock.nowMs() - known.readAtMs) < trustLifeMs
  const reading = keepReading({
    ...{ everyMs: readEveryMs, retryMs },
    async read() {
      const loaded = await load(options, known.keys)
      known = { ...loaded, revoked: keepNewer(known.revoked, loaded) }
    },
    failed: (error) => isFresh() || logger.error('token-trust-stale', error),
  })

  return {
    name: 'token trust',
    start: reading.now,
    readiness: () => (isFresh() ? { ready: true } : { ready: false, missing: 'token-trust' }),
    assertFresh() {
      if (!isFresh()) throw new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })
    },
    async key(kid) {
      const found = known.keys.get(kid)
      const sinceMs = clock.nowMs() - askedAgainAtMs
      if (found || (sinceMs >= 0 && sinceMs < rereadCoolDownMs)) return found?.key ?? null
      askedAgainAtMs = clock.nowMs()
      await reading.now()
      return known.keys.get(kid)?.key ?? null
    },
    isRetired: (kid) => (known.keys.get(kid)?.retiresAtMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs(),
    isRevoked: (token) => known.revoked.size > 0 && isNamed(known.revoked, token),
    stopOf: (tenantId) => known.stopped.get(tenantId) ?? null,
    async reread() {
      // the reading under way may have begun before the commit
      await reading.now()
      await reading.now()
    },
    revoke: (kind, id, atMs) => void known.revoked.set(`${kind}/${id}`, atMs),
    [Symbol.asyncDispose]: () => reading.stop(),
  }
}

function isNamed(revoked: Known['revoked'], { sessionId, actorId, issuedAtSeconds }: Revocable): boolean {
  const ofSession = sessionId === null ? -1 : (revoked.get(`session/${sessionId}`) ?? -1)
  return issuedAtSeconds * 1_000 <= Math.max(ofSession, revoked.get(`actor/${actorId}`) ?? -1)
}

type TrustedKey = { readonly key: CryptoKey; readonly retiresAtMs: number | null }

type Known = {
  readonly readAtMs: number
  readonly keys: ReadonlyMap<string, TrustedKey>
  /** by `<kind>/<id>`: tokens issued up to this time are refused */
  readonly revoked: Map<string, number>
  /** by tenant */
  readonly stopped: ReadonlyMap<string, Stop>
}

type KeyRow = { readonly kid: string; readonly public_jwk: PublicJwk; readonly retires_at: string | null }
type RevocationRow = { readonly kind: RevocationKind; readonly revoked_id: string; readonly revoked_at: string }

const selectKeys = statement<KeyRow>('select kid, public_jwk, retires_at from gateway.signing_keys')
type StoppedRow = { readonly tenant_id: string; readonly stop: Stop }

const selectStopped = statement<StoppedRow>(
  `select tenant_id, case when closed_at is null then 'suspended' else 'closed' end as stop from gateway.tenants
   where suspended_at is not null or closed_at is not null`,
)
const selectRevocations = 'select kind, revoked_id, revoked_at from gateway.token_revocations where expires_at > $1'

/** The age of what is read counts from before it was asked for. */
async function load({ postgres, clock }: Options, before: Known['keys']): Promise<Known> {
  const readAtMs = clock.nowMs()
  const revocations = statement<RevocationRow>(selectRevocations, [clock.now()])
  const [keyRows, revocationRows, stoppedRows] = await postgres.worker([selectKeys, revocations, selectStopped])
  const keys = new Map<string, TrustedKey>()
  for (const { kid, public_jwk, retires_at } of keyRows) {
    const key = before.get(kid)?.key ?? (await importPublicJwk(public_jwk))
    keys.set(kid, { key, retiresAtMs: retires_at === null ? null : Date.parse(retires_at) })
  }
  const revoked = new Map(
    revocationRows.map((row) => [`${row.kind}/${row.revoked_id}`, Date.parse(row.revoked_at)] as const),
  )
  return { readAtMs, keys, revoked, stopped: new Map(stoppedRows.map(({ tenant_id, stop }) => [tenant_id, stop])) }
}

/** What this process revoked while the question was on its way may not be in the answer yet. */
function keepNewer(before: Known['revoked'], { readAtMs, revoked }: Known): Known['revoked'] {
  for (const [id, atMs] of before) if (atMs >= readAtMs - readEveryMs && !revoked.has(id)) revoked.set(id, atMs)
  return revoked
}
