import type { IncomingHttpHeaders } from 'node:http'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Clock } from '@csr/runtime/clock'
import type { Membership } from '../domain/membership.ts'
import { isAlive, type SessionLimits } from '../domain/session-life.ts'
import type { AccountStore } from '../store/account-store.ts'
import type { BindingStore } from '../store/binding-store.ts'
import type { Invitation, InvitationStore } from '../store/invitation-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { Session, SessionStore } from '../store/session-store.ts'
import type { SignInRuleStore } from '../store/sign-in-rule-store.ts'
import type { Arrivals } from './arrival.ts'
import { CookieName, type Cookies } from './cookies.ts'
import type { CrossSiteCheck } from './cross-site.ts'

export type Accepted =
  | { readonly outcome: 'accepted'; readonly membership: Membership; readonly cookies: readonly string[] }
  | { readonly outcome: 'unknown-visitor' | Refused }

/**
 * `bound-already`: the account is another person in this tenant, or the one whose administration is to move.
 * `person-bound-already`: the person is another account.
 */
type Refused =
  | ('unknown-invitation' | 'second-factor-missing' | 'bound-already')
  | ('person-bound-already' | 'tenant-suspended')

type Request = { readonly headers: IncomingHttpHeaders; readonly requestId: string }

export interface InvitedSessions {
  /** throws `cross-site-refused` where the request is not from a page of ours */
  accept(token: string, request: Request): Promise<Accepted>
}

type Deps = {
  readonly accounts: AccountStore
  readonly memberships: Pick<MembershipStore, 'find' | 'handOver'>
  readonly bindings: BindingStore
  readonly rules: Pick<SignInRuleStore, 'find'>
  readonly invitations: Pick<InvitationStore, 'find' | 'taking'>
  readonly sessions: Pick<SessionStore, 'open' | 'findBySecret' | 'end'>
  readonly arrivals: Pick<Arrivals, 'read'>
  readonly cookies: Cookies
  readonly crossSite: CrossSiteCheck
  readonly trust: Pick<TokenTrust, 'stopOf'>
  readonly clock: Clock
  readonly limits: SessionLimits
}

/** Who accepts: the account of a session, or of a sign-in that found no tenant. */
type Visitor = Pick<Session, 'accountId' | 'provider' | 'secondFactor' | 'signedInAtMs'> & {
  readonly before: Session | null
}

/** Binds an account to what it was invited to, and opens a session there: a new id, as at every change of rights. */
export function acceptInvitations(deps: Deps): InvitedSessions {
  const { accounts, memberships, invitations, sessions, arrivals, cookies, crossSite, clock } = deps

  async function visitorOf(headers: IncomingHttpHeaders): Promise<Visitor | null> {
    const secret = cookies.read(headers.cookie, CookieName.session)
    const session = secret === null ? null : await sessions.findBySecret(secret)
    if (secret !== null && session && isAlive(session, clock.nowMs(), deps.limits)) {
      crossSite.assertOwnPage(headers, secret)
      return { ...session, before: session }
    }
    const value = cookies.read(headers.cookie, CookieName.arrival)
    const arrival = value === null ? null : arrivals.read(value)
    if (!arrival) return null
    crossSite.assertOwnOrigin(headers)
    const account = await accounts.ensure({ ...arrival, person: null })
    return { ...arrival, accountId: account.id, before: null }
  }

  return {
    async accept(token, { headers, requestId }) {
      const found = await invitations.find(token)
      const visitor = await visitorOf(headers)
      if (!visitor) return { outcome: 'unknown-visitor' }
      if (!found) return { outcome: 'unknown-invitation' }
      const { accountId, before } = visitor
      const { tenantId, handsOverFrom, id } = found
      const outcome = await bind(deps, found, visitor)
      if (outcome !== 'bound') return { outcome }
      // cut off before this, the same account accepts once more
      await accounts.join(accountId, tenantId)
      if (handsOverFrom !== null) {
        // where somebody else has followed meanwhile, there is nothing left to take
        const moved = { tenantId, fromAccountId: handsOverFrom, toAccountId: accountId }
        await memberships.handOver({ ...moved, actorId: accountId, requestId: id })
      }
      const membership = await memberships.find(tenantId, accountId)
      if (!membership) throw new Error('a membership that was just made is not there')
      const { provider, secondFactor, signedInAtMs } = visitor
      const wanted = { tenantId, accountId, provider, secondFactor, signedInAtMs, kind: 'browser' } as const
      const expiresAtMs = before?.expiresAtMs ?? clock.nowMs() + deps.limits.lifeMs
      const opened = await sessions.open({ ...wanted, expiresAtMs, requestId, announced: before === null })
      if (before) await sessions.end(before, { actorId: accountId, requestId, reason: 'replaced' })
      const set = [cookies.set(CookieName.session, opened.secret), cookies.clear(CookieName.arrival)]
      return { outcome: 'accepted', membership, cookies: set }
    },
  }
}

/** What the invitation, the tenant and what the account is already allow; then the membership. */
async function bind(deps: Deps, found: Invitation, visitor: Visitor): Promise<Refused | 'bound'> {
  const { memberships, bindings, rules, invitations, trust } = deps
  const { accountId } = visitor
  const { tenantId, role, subjectId, handsOverFrom, acceptedBy, id } = found
  const stop = trust.stopOf(tenantId)
  if (stop !== null) return stop === 'closed' ? 'unknown-invitation' : 'tenant-suspended'
  if ((acceptedBy ?? accountId) !== accountId) return 'unknown-invitation'
  const asksForFactor = (await rules.find(tenantId))?.secondFactor ?? false
  if (asksForFactor && !visitor.secondFactor) return 'second-factor-missing'
  const member = await memberships.find(tenantId, accountId)
  const isOther = subjectId !== null && (member?.subjectId ?? subjectId) !== subjectId
  if (isOther || handsOverFrom === accountId) return 'bound-already'
  const person = subjectId === null ? null : await bindings.accountOf(tenantId, subjectId)
  if ((person ?? accountId) !== accountId) return 'person-bound-already'
  const joined = { tenantId, accountId, role, subjectId, joinedBy: 'invitation', actorId: accountId } as const
  const isNew = !member?.roles.includes(role) || (subjectId !== null && member.subjectId === null)
  const taking = invitations.taking(found, accountId)
  const bound = await bindings.accept({ ...joined, requestId: id }, { taking, isNew })
  return bound === 'stale' ? 'unknown-invitation' : bound
}
