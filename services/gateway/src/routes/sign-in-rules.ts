import { getSignInRules, putSignInRules } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { MembershipStore, SignInRules } from '../store/membership-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'exists'>
  readonly memberships: Pick<MembershipStore, 'rules' | 'setRules'>
}

/** What holds where a tenant has set nothing: nobody joins by domain. */
const unset: SignInRules = { domains: [], role: 'programme_manager', secondFactor: false }

export function getSignInRulesRoute({ tenants, memberships }: Deps): Route {
  return route({
    ...getSignInRules,
    async handle({ params: { id } }) {
      if (!(await tenants.exists(id))) throw new ProblemError('resource-not-found')
      const rules = (await memberships.rules(id)) ?? unset
      return { status: 200, body: { ...rules, domains: [...rules.domains] } }
    },
  })
}

export function putSignInRulesRoute({ tenants, memberships }: Deps): Route {
  return route({
    ...putSignInRules,
    async handle({ params: { id }, body, principal, requestId }) {
      if (!(await tenants.exists(id))) throw new ProblemError('resource-not-found')
      const isSet = await memberships.setRules(id, body, { actorId: principal.actorId, requestId })
      if (!isSet) throw new ProblemError('state-conflict', { detail: 'A domain belongs to another tenant.' })
      return { status: 200, body }
    },
  })
}
