import { switchTenant } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { TokenTrust } from '@csr/http/token-trust'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { SessionStore } from '../store/session-store.ts'
import type { SignInRuleStore } from '../store/sign-in-rule-store.ts'
import { ownSession } from './own-session.ts'

type Deps = {
  readonly sessions: Pick<SessionStore, 'find' | 'open' | 'end'>
  readonly memberships: Pick<MembershipStore, 'find'>
  readonly rules: Pick<SignInRuleStore, 'find'>
  readonly trust: Pick<TokenTrust, 'stopOf'>
  readonly cookies: Pick<Cookies, 'set'>
}

/** The new session ends when the old one would have: switching back and forth makes no session longer. */
export function switchTenantRoute({ sessions, memberships, rules, trust, cookies }: Deps): Route {
  return route({
    ...switchTenant,
    async handle({ body: { tenantId }, principal, requestId }) {
      const session = await ownSession(sessions, principal)
      if (session.kind !== 'browser')
        throw new ProblemError('state-conflict', { detail: 'Applications do not switch.' })
      const membership = await memberships.find(tenantId, session.accountId)
      const stop = trust.stopOf(tenantId)
      if (!membership || stop === 'closed') throw new ProblemError('resource-not-found')
      if (stop === 'suspended') throw new ProblemError('tenant-suspended')
      const asks = (await rules.find(tenantId))?.secondFactor ?? false
      if (asks && !session.secondFactor) throw new ProblemError('second-factor-missing')
      const opened = await sessions.open({ ...session, tenantId, requestId, announced: false })
      await sessions.end(session, { actorId: session.accountId, requestId, reason: 'replaced' })
      const { roles, subjectId } = membership
      return {
        status: 200,
        body: { tenantId, roles: [...roles], subjectId, current: true },
        headers: { 'set-cookie': cookies.set(CookieName.session, opened.secret) },
      }
    },
  })
}
