import { endMembership, listMemberships } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { MembershipStore } from '../store/membership-store.ts'
import { assertAdministrator } from './administrator.ts'

type Deps = { readonly memberships: Pick<MembershipStore, 'list' | 'end'> }

export function listMembershipsRoute({ memberships }: Deps): Route {
  return route({
    ...listMemberships,
    async handle({ principal }) {
      assertAdministrator(principal)
      const listed = await memberships.list(principal.tenantId)
      return { status: 200, body: { items: listed.map((member) => ({ ...member, roles: [...member.roles] })) } }
    },
  })
}

export function endMembershipRoute({ memberships }: Deps): Route {
  return route({
    ...endMembership,
    async handle({ params: { id: accountId }, principal, requestId }) {
      assertAdministrator(principal)
      const { tenantId, actorId } = principal
      const ended = await memberships.end({ tenantId, accountId, actorId, requestId })
      if (ended === 'unknown') throw new ProblemError('resource-not-found')
      if (ended === 'last-administrator') throw new ProblemError('state-conflict', { detail: lastOne })
      return { status: 204 }
    },
  })
}

const lastOne = 'The last administrator cannot be removed; the administration can be handed over.'
