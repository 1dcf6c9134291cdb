import { hash } from 'node:crypto'
import type { EdgeSessions } from '@csr/http/admit'
import { ProblemError } from '@csr/http/problem'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Clock } from '@csr/runtime/clock'
import { accessTokenLifeSeconds } from '../domain/access-claims.ts'
import type { Membership } from '../domain/membership.ts'
import { isAlive, isWorthNoting, type SessionLimits } from '../domain/session-life.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { Session, SessionStore } from '../store/session-store.ts'
import type { IssueAccessToken, IssuedToken } from '../tokens/issue-access-token.ts'
import { CookieName, type Cookies } from './cookies.ts'
import type { CrossSiteCheck } from './cross-site.ts'

type Deps = {
  readonly sessions: Pick<SessionStore, 'findBySecret' | 'touch'>
  readonly memberships: Pick<MembershipStore, 'find'>
  readonly issue: IssueAccessToken
  readonly trust: Pick<TokenTrust, 'isRevoked'>
  readonly cookies: Pick<Cookies, 'read'>
  readonly crossSite: Pick<CrossSiteCheck, 'assertOwnPage'>
  readonly clock: Clock
  readonly limits: SessionLimits
}

/** A session is read again after this long: what another gateway ended or changed is known then. */
const readEveryMs = 10_000
/** An access token with less than this left is replaced. */
const renewWhenLeftMs = 60_000
const keptMax = 10_000

type Kept = {
  readonly session: Session
  readonly membership: Membership
  readonly readAtMs: number
  readonly token: IssuedToken
}

/**
 * The edge's side of a browser session: its cookie stands for an access token of ten minutes that services verify like any
 * other, and that the browser never sees. Found sessions are remembered by the hash of their cookie.
 */
export function exchangeCookies(deps: Deps): EdgeSessions {
  const { sessions, memberships, cookies, crossSite, clock, limits } = deps
  const kept = new Map<string, Promise<Kept>>()

  async function read(secret: string, before: Kept | null): Promise<Kept> {
    const readAtMs = clock.nowMs()
    const session = await sessions.findBySecret(secret)
    if (!session || !isAlive(session, readAtMs, limits)) throw new ProblemError('token-invalid')
    const membership = await memberships.find(session.tenantId, session.accountId)
    if (!membership) throw new ProblemError('token-invalid')
    if (isWorthNoting(session, readAtMs, limits)) await sessions.touch(session.id)
    const isSame = before !== null && JSON.stringify(before.membership) === JSON.stringify(membership)
    const token = isSame && isUsable(before) ? before.token : await mint(session, membership)
    return { session, membership, readAtMs, token }
  }

  function mint(session: Session, membership: Membership): Promise<IssuedToken> {
    const { id: sessionId, accountId: actorId, signedInAtMs } = session
    return deps.issue({ ...membership, actorId, sessionId, clientId: null, signedInAtMs })
  }

  /** Another tenant's administrator may have revoked what the account holds; this session goes on with a new token. */
  function isUsable({ session, token }: Kept): boolean {
    const issuedAtSeconds = token.expiresAtMs / 1_000 - accessTokenLifeSeconds
    if (deps.trust.isRevoked({ sessionId: session.id, actorId: session.accountId, issuedAtSeconds })) return false
    return token.expiresAtMs - clock.nowMs() >= renewWhenLeftMs
  }

  /** Requests that come together share one look. */
  async function found(secret: string): Promise<Kept> {
    const key = hash('sha256', secret, 'base64')
    const known = kept.get(key)
    const before = known ? await known.catch(() => null) : null
    if (before && clock.nowMs() - before.readAtMs < readEveryMs && isUsable(before)) return before
    if (kept.get(key) !== known) return await found(secret)
    const reading = read(secret, before)
    kept.delete(key)
    kept.set(key, reading)
    if (kept.size > keptMax) kept.delete(kept.keys().next().value ?? key)
    reading.catch(() => kept.get(key) === reading && kept.delete(key))
    return await reading
  }

  return {
    async accessToken({ method, headers }) {
      const secret = cookies.read(headers.cookie, CookieName.session)
      if (secret === null) return null
      if (method !== 'GET' && method !== 'HEAD') crossSite.assertOwnPage(headers, secret)
      return (await found(secret)).token.token
    },
  }
}
