import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import { markOf } from '../domain/client.ts'
import type { SessionLimits } from '../domain/session-life.ts'
import { domainsOf, hasSecondFactor, type Membership } from '../domain/membership.ts'
import type { SignInOutcome, SignInRequest, SignInSessions, VerifiedIdentity } from '../sign-in/verified-identity.ts'
import type { Account, AccountStore } from '../store/account-store.ts'
import type { LoginFailureStore } from '../store/login-failure-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { SessionStore } from '../store/session-store.ts'
import { arrivalLifeSeconds, type Arrivals } from './arrival.ts'
import { CookieName, type Cookies } from './cookies.ts'

type Deps = {
  readonly accounts: AccountStore
  readonly memberships: MembershipStore
  readonly sessions: Pick<SessionStore, 'open' | 'findBySecret' | 'end'>
  readonly failures: LoginFailureStore
  readonly arrivals: Pick<Arrivals, 'write'>
  readonly cookies: Cookies
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
  readonly limits: SessionLimits
}

/** From a verified identity to a session: account, memberships by domain, the tenant's own demands, a new secret. */
export function openSessions(deps: Deps): SignInSessions {
  const { accounts, memberships, sessions, cookies, arrivals } = deps

  async function failed({ provider, code }: { provider: string; code: string }, request: SignInRequest): Promise<void> {
    const hmac = (purpose: string, value: string): string => deps.keyring.fingerprint(platformTenantId, purpose, value)
    const client = markOf(request.clientAddress, deps.clock.nowMs(), hmac)
    await deps.failures.record({ provider, code, client, requestId: request.requestId })
  }

  async function arrive(identity: VerifiedIdentity, request: SignInRequest): Promise<SignInOutcome> {
    await failed({ provider: identity.provider, code: 'membership-missing' }, request)
    const { provider, issuer, subject } = identity
    const signedInAtMs = Date.parse(identity.authenticatedAt)
    const arrival = { provider, issuer, subject, secondFactor: hasSecondFactor(identity), signedInAtMs }
    const cookie = cookies.set(CookieName.arrival, arrivals.write(arrival), arrivalLifeSeconds)
    return { outcome: 'invitation-needed', cookies: [cookie] }
  }

  /** Who was a member once and is none any more does not come back by domain. */
  async function joinByDomain(account: Account, tenantIds: readonly string[], requestId: string): Promise<void> {
    for (const tenantId of tenantIds.filter((id) => !account.tenantIds.includes(id))) {
      const rules = await memberships.rules(tenantId)
      if (!rules) continue
      const { id: accountId } = account
      const joined = { tenantId, accountId, role: rules.role, subjectId: null, joinedBy: 'domain' } as const
      await memberships.add({ ...joined, actorId: accountId, requestId })
      await accounts.join(accountId, tenantId)
    }
  }

  /** The tenants that take this sign-in, the one of the session before first. */
  async function admitting(account: Account, candidates: readonly string[], identity: VerifiedIdentity) {
    const admitted: Membership[] = []
    let refused = 0
    for (const tenantId of candidates) {
      const membership = await memberships.find(tenantId, account.id)
      if (!membership) continue
      const asks = (await memberships.rules(tenantId))?.secondFactor ?? false
      if (asks && !hasSecondFactor(identity)) refused += 1
      else admitted.push(membership)
    }
    return { admitted, refused }
  }

  return {
    failed,
    async open(identity, request) {
      const { provider, issuer, subject, name, email } = identity
      const byDomain = await memberships.tenantsOfDomains(domainsOf(identity))
      const known = await accounts.find(issuer, subject)
      if (byDomain.length === 0 && (known?.tenantIds ?? []).length === 0) return await arrive(identity, request)
      const account = await accounts.ensure({ provider, issuer, subject, person: { name, email } })
      await joinByDomain(account, byDomain, request.requestId)
      const secret = cookies.read(request.headers.cookie, CookieName.session)
      const before = secret === null ? null : await sessions.findBySecret(secret)
      const own = before?.accountId === account.id ? [before.tenantId] : []
      const candidates = [...new Set([...own, ...account.tenantIds, ...byDomain])]
      const { admitted, refused } = await admitting(account, candidates, identity)
      const [membership] = admitted
      if (!membership && refused === 0) return await arrive(identity, request)
      if (!membership) {
        await failed({ provider, code: 'second-factor-missing' }, request)
        return { outcome: 'refused', code: 'second-factor-missing' }
      }
      const opened = await sessions.open({
        ...{ tenantId: membership.tenantId, accountId: account.id, kind: 'browser', provider },
        ...{ secondFactor: hasSecondFactor(identity), signedInAtMs: Date.parse(identity.authenticatedAt) },
        ...{ requestId: request.requestId, announced: true },
        expiresAtMs: deps.clock.nowMs() + deps.limits.lifeMs,
      })
      const end = { actorId: account.id, requestId: request.requestId, reason: 'replaced' } as const
      if (before) await sessions.end(before, end)
      return { outcome: 'opened', cookies: [cookies.set(CookieName.session, opened.secret)] }
    },
  }
}
