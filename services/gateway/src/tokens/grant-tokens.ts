import type { IncomingHttpHeaders } from 'node:http'
import { ProblemError } from '@csr/http/problem'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { accessTokenLifeSeconds } from '../domain/access-claims.ts'
import { judgeRefresh } from '../domain/refresh.ts'
import { isAlive, type SessionLimits } from '../domain/session-life.ts'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import type { CrossSiteCheck } from '../sessions/cross-site.ts'
import type { MachineClientStore } from '../store/machine-client-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { RefreshTokenStore } from '../store/refresh-token-store.ts'
import type { Session, SessionStore } from '../store/session-store.ts'
import { claimedClient, verifyAssertion } from './client-assertion.ts'
import type { IssueAccessToken, IssuedToken } from './issue-access-token.ts'

export type Granted = {
  readonly access: IssuedToken
  readonly expiresInSeconds: number
  readonly refreshToken: string | null
}

export type MachineCredentials =
  | { readonly clientId: string; readonly secret: string }
  | { readonly clientId: string | null; readonly assertion: string }

/**
 * Every way to an access token but the edge's own. Null where the grant is not accepted: why is nobody's business. Throws
 * `tenant-suspended` and `tenant-closed` for what would have been accepted, so that nothing is used up meanwhile.
 */
export interface Tokens {
  /** a new pair; using an old token again ends its whole family */
  refresh(token: string, requestId: string): Promise<Granted | null>
  /** the first pair of an application, for a browser that is signed in; throws `cross-site-refused` */
  forApplication(request: {
    readonly headers: IncomingHttpHeaders
    readonly requestId: string
  }): Promise<Granted | null>
  forMachine(credentials: MachineCredentials): Promise<Granted | null>
}

type Deps = {
  readonly sessions: SessionStore
  readonly memberships: Pick<MembershipStore, 'find'>
  readonly refreshTokens: RefreshTokenStore
  readonly clients: Pick<MachineClientStore, 'find' | 'hasSecret' | 'useAssertion'>
  readonly issue: IssueAccessToken
  readonly trust: Pick<TokenTrust, 'stopOf'>
  readonly cookies: Pick<Cookies, 'read'>
  readonly crossSite: Pick<CrossSiteCheck, 'assertOwnPage'>
  readonly clock: Clock
  readonly ids: Ids
  readonly limits: SessionLimits
  readonly applicationLimits: SessionLimits
  /** what a client assertion may be addressed to */
  readonly audiences: readonly string[]
}

const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function grantTokens(deps: Deps): Tokens {
  const { sessions, memberships, refreshTokens, clients, issue, clock, ids } = deps

  async function accessOf(session: Session, refreshToken: string): Promise<Granted | null> {
    const { id: sessionId, accountId: actorId, tenantId, signedInAtMs } = session
    const membership = await memberships.find(tenantId, actorId)
    if (!membership) return null
    const access = await issue({ ...membership, actorId, sessionId, clientId: null, signedInAtMs })
    return { access, expiresInSeconds: accessTokenLifeSeconds, refreshToken }
  }

  return {
    async refresh(token, requestId) {
      const presented = await refreshTokens.find(token)
      const session = presented && (await sessions.find(presented.sessionId))
      if (!session || !isAlive(session, clock.nowMs(), deps.applicationLimits)) return null
      if (judgeRefresh(presented, clock.nowMs()) === 'reused') {
        await sessions.end(session, { actorId: session.accountId, requestId, reason: 'token-reused' })
        return null
      }
      assertOpen(deps, session.tenantId)
      const successor = await refreshTokens.use(token, presented)
      await sessions.touch(session.id)
      return await accessOf(session, successor)
    },
    async forApplication({ headers, requestId }) {
      const secret = deps.cookies.read(headers.cookie, CookieName.session)
      const browser = secret === null ? null : await sessions.findBySecret(secret)
      if (secret === null || !browser || !isAlive(browser, clock.nowMs(), deps.limits)) return null
      deps.crossSite.assertOwnPage(headers, secret)
      assertOpen(deps, browser.tenantId)
      const token = ids.secret()
      const expiresAtMs = clock.nowMs() + deps.applicationLimits.lifeMs
      const wanted = { ...browser, kind: 'app', expiresAtMs, requestId, announced: true } as const
      const { session } = await sessions.open({ ...wanted, also: (id) => [refreshTokens.first(token, id)] })
      return await accessOf(session, token)
    },
    async forMachine(credentials) {
      const claimed = 'assertion' in credentials ? claimedClient(credentials.assertion) : credentials.clientId
      if (claimed === null || !idForm.test(claimed)) return null
      if ('assertion' in credentials && (credentials.clientId ?? claimed) !== claimed) return null
      const client = await clients.find(claimed)
      if (!client || !(await proves(credentials, client, deps))) return null
      const { id: clientId, tenantId, role } = client
      assertOpen(deps, tenantId)
      const grant = { actorId: clientId, clientId, tenantId, roles: [role], subjectId: null }
      const access = await issue({ ...grant, sessionId: null, signedInAtMs: null })
      return { access, expiresInSeconds: accessTokenLifeSeconds, refreshToken: null }
    },
  }
}

function assertOpen({ trust }: Pick<Deps, 'trust'>, tenantId: string): void {
  const stop = trust.stopOf(tenantId)
  if (stop) throw new ProblemError(`tenant-${stop}`)
}

type Client = NonNullable<Awaited<ReturnType<MachineClientStore['find']>>>

/** A client with keys never passes with a secret, nor the reverse. */
async function proves(credentials: MachineCredentials, client: Client, deps: Deps): Promise<boolean> {
  const { publicKeys } = client
  if ('secret' in credentials) return await deps.clients.hasSecret(client.id, credentials.secret)
  if (publicKeys === null) return false
  const verified = await verifyAssertion(credentials.assertion, { ...client, publicKeys }, deps)
  return verified !== null && (await deps.clients.useAssertion(client, verified.id, verified.expiresAtMs))
}
