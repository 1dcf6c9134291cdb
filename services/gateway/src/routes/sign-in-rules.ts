import { getSignInRules, putSignInRules } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { SignInRules, SignInRuleStore } from '../store/sign-in-rule-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'exists'>
  readonly rules: Pick<SignInRuleStore, 'find' | 'replace'>
}

/** What holds where a tenant has set nothing: nobody joins by domain. */
const unset: SignInRules = { domains: [], role: 'programme_manager', secondFactor: false }

export function getSignInRulesRoute({ tenants, rules }: Deps): Route {
  return route({
    ...getSignInRules,
    async handle({ params: { id } }) {
      if (!(await tenants.exists(id))) throw new ProblemError('resource-not-found')
      const found = (await rules.find(id)) ?? unset
      return { status: 200, body: { ...found, domains: [...found.domains] } }
    },
  })
}

export function putSignInRulesRoute({ tenants, rules }: Deps): Route {
  return route({
    ...putSignInRules,
    async handle({ params: { id }, body, principal, requestId }) {
      if (!(await tenants.exists(id))) throw new ProblemError('resource-not-found')
      const isSet = await rules.replace(id, body, { actorId: principal.actorId, requestId })
      if (!isSet) throw new ProblemError('state-conflict', { detail: 'A domain belongs to another tenant.' })
      return { status: 200, body }
    },
  })
}
