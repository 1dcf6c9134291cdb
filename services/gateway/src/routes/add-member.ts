import { addMember } from '@csr/contracts/http/accounts'
import { platformTenantId } from '@csr/contracts/services'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { AccountStore } from '../store/account-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'exists'>
  readonly accounts: Pick<AccountStore, 'ensure' | 'join'>
  readonly memberships: Pick<MembershipStore, 'add'>
}

/** Operators of the platform are members of its own tenant, and of no other. */
export function addMemberRoute({ tenants, accounts, memberships }: Deps): Route {
  return route({
    ...addMember,
    async handle({ params: { id: tenantId }, body, principal, requestId }) {
      const { role, ...identity } = body
      const isPlatform = tenantId === platformTenantId
      if (isPlatform !== (role === 'platform_admin')) throw new ProblemError('resource-not-found')
      if (!isPlatform && !(await tenants.exists(tenantId))) throw new ProblemError('resource-not-found')
      const { id: accountId } = await accounts.ensure({ ...identity, person: null })
      await accounts.join(accountId, tenantId)
      const joined = { tenantId, accountId, role, subjectId: null, joinedBy: 'operator' } as const
      await memberships.add({ ...joined, actorId: principal.actorId, requestId })
      return { status: 201, body: { accountId } }
    },
  })
}
