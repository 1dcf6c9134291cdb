import type { TokenTrust } from '@csr/http/token-trust'
import type { Clock } from '@csr/runtime/clock'
import type { SessionLimits } from '../domain/session-life.ts'
import { domainsOf, hasSecondFactor, type Membership } from '../domain/membership.ts'
import type { RefusalRecorder } from '../jobs/record-refusals.ts'
import type { SignInOutcome, SignInRequest, SignInSessions, VerifiedIdentity } from '../sign-in/verified-identity.ts'
import type { Account, AccountStore } from '../store/account-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { SessionStore } from '../store/session-store.ts'
import type { SignInRuleStore } from '../store/sign-in-rule-store.ts'
import { arrivalLifeSeconds, type Arrivals } from './arrival.ts'
import { CookieName, type Cookies } from './cookies.ts'

type Deps = {
  readonly accounts: AccountStore
  readonly memberships: Pick<MembershipStore, 'find' | 'add'>
  readonly rules: Pick<SignInRuleStore, 'find' | 'tenantsOfDomains'>
  readonly sessions: Pick<SessionStore, 'open' | 'findBySecret' | 'end'>
  readonly refusals: Pick<RefusalRecorder, 'signInRefused'>
  readonly arrivals: Pick<Arrivals, 'write'>
  readonly cookies: Cookies
  readonly trust: Pick<TokenTrust, 'stopOf'>
  readonly clock: Clock
  readonly limits: SessionLimits
}

/** From a verified identity to a session: account, memberships by domain, the tenant's own demands, a new secret. */
export function openSessions(deps: Deps): SignInSessions {
  const { accounts, rules, sessions, cookies } = deps
  const failed: SignInSessions['failed'] = ({ provider, code }, { requestId, clientAddress }) =>
    deps.refusals.signInRefused({ provider, code, requestId, clientAddress })

  async function arrive(identity: VerifiedIdentity, request: SignInRequest): Promise<SignInOutcome> {
    const { provider, issuer, subject } = identity
    failed({ provider, code: 'membership-missing' }, request)
    const signedInAtMs = Date.parse(identity.authenticatedAt)
    const arrival = { provider, issuer, subject, secondFactor: hasSecondFactor(identity), signedInAtMs }
    const cookie = cookies.set(CookieName.arrival, deps.arrivals.write(arrival), arrivalLifeSeconds)
    return { outcome: 'invitation-needed', cookies: [cookie] }
  }

  return {
    failed,
    async open(identity, request) {
      const { provider, issuer, subject, name, email } = identity
      const byDomain = await rules.tenantsOfDomains(domainsOf(identity))
      const known = await accounts.find(issuer, subject)
      if (byDomain.length === 0 && (known?.tenantIds ?? []).length === 0) return await arrive(identity, request)
      const account = await accounts.ensure({ provider, issuer, subject, person: { name, email } })
      await joinByDomain(deps, account, { tenantIds: byDomain, requestId: request.requestId })
      const secret = cookies.read(request.headers.cookie, CookieName.session)
      const before = secret === null ? null : await sessions.findBySecret(secret)
      const own = before?.accountId === account.id ? [before.tenantId] : []
      const candidates = [...new Set([...own, ...account.tenantIds, ...byDomain])]
      const admitting = await findAdmitting(deps, account, { candidates, hasFactor: hasSecondFactor(identity) })
      if (admitting === null) return await arrive(identity, request)
      if (typeof admitting === 'string') {
        failed({ provider, code: admitting }, request)
        return { outcome: 'refused', code: admitting }
      }
      const opened = await sessions.open({
        ...{ tenantId: admitting.tenantId, accountId: account.id, kind: 'browser', provider },
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

type ByDomain = { readonly tenantIds: readonly string[]; readonly requestId: string }

/** Who was a member once and is none any more does not come back by domain. */
async function joinByDomain(deps: Deps, account: Account, { tenantIds, requestId }: ByDomain): Promise<void> {
  const { accounts, memberships, rules } = deps
  const isNew = (id: string): boolean => !account.tenantIds.includes(id) && deps.trust.stopOf(id) === null
  for (const tenantId of tenantIds.filter(isNew)) {
    const own = await rules.find(tenantId)
    if (!own) continue
    const { id: accountId } = account
    const joined = { tenantId, accountId, role: own.role, subjectId: null, joinedBy: 'domain' } as const
    await memberships.add({ ...joined, actorId: accountId, requestId })
    await accounts.join(accountId, tenantId)
  }
}

type Candidates = { readonly candidates: readonly string[]; readonly hasFactor: boolean }

type Refusal = 'second-factor-missing' | 'tenant-suspended'

/** The first tenant that takes this sign-in; null where the account is a member of none. */
async function findAdmitting(
  { memberships, rules, trust }: Deps,
  { id: accountId }: Account,
  { candidates, hasFactor }: Candidates,
): Promise<Membership | Refusal | null> {
  let refused: Refusal | null = null
  for (const tenantId of candidates) {
    const membership = await memberships.find(tenantId, accountId)
    const stop = trust.stopOf(tenantId)
    if (!membership || stop === 'closed') continue
    if (stop === 'suspended') {
      refused ??= 'tenant-suspended'
      continue
    }
    const asksForFactor = (await rules.find(tenantId))?.secondFactor ?? false
    if (hasFactor || !asksForFactor) return membership
    refused = 'second-factor-missing'
  }
  return refused
}
