import { listOwnMemberships } from '@csr/contracts/http/accounts'
import { route, type Route } from '@csr/http/route'
import type { AccountStore } from '../store/account-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import { accountOf } from './own-session.ts'

type Deps = {
  readonly accounts: Pick<AccountStore, 'tenantsOf'>
  readonly memberships: Pick<MembershipStore, 'find'>
}

export function listOwnMembershipsRoute({ accounts, memberships }: Deps): Route {
  return route({
    ...listOwnMemberships,
    async handle({ principal }) {
      const account = accountOf(principal)
      const tenantIds = account === null ? [] : await accounts.tenantsOf(account)
      const found = await Promise.all(tenantIds.map((tenantId) => memberships.find(tenantId, account ?? '')))
      const items = found
        .filter((membership) => membership !== null)
        .map(({ tenantId, roles, subjectId }) => ({
          ...{ tenantId, roles: [...roles], subjectId, current: tenantId === principal.tenantId },
        }))
      return { status: 200, body: { items } }
    },
  })
}
