import {
  listInvitations,
  listTenantInvitations,
  renewInvitation,
  renewTenantInvitation,
  withdrawInvitation,
  withdrawTenantInvitation,
} from '@csr/contracts/http/invitations'
import { ProblemError } from '@csr/http/problem'
import { route, type Principal, type Route, type RouteRequest } from '@csr/http/route'
import type { InvitationStore, NewInvitation } from '../store/invitation-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'
import { administered } from './administrator.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'exists'>
  readonly invitations: Pick<InvitationStore, 'list' | 'renew' | 'withdraw'>
}

type Asked = Pick<RouteRequest, 'requestId' | 'once'> & { readonly principal: Principal }
type Named = { readonly tenantId: string; readonly invitationId: string }

/** What waits to be accepted: of the caller's own tenant for its administrators, of any tenant for operators. */
export function invitationRoutes({ tenants, invitations }: Deps): Route[] {
  async function existing(tenantId: string): Promise<string> {
    if (!(await tenants.exists(tenantId))) throw new ProblemError('resource-not-found')
    return tenantId
  }

  async function list(tenantId: string) {
    return { status: 200 as const, body: { items: [...(await invitations.list(tenantId))] } }
  }

  async function withdraw(named: Named, { principal, requestId }: Asked) {
    const isGone = await invitations.withdraw({ ...named, actorId: principal.actorId, requestId })
    if (!isGone) throw new ProblemError('resource-not-found')
    return { status: 204 } as const
  }

  async function renew(named: Named, { principal, requestId, once }: Asked) {
    const answerOf = (made: NewInvitation) => ({ status: 201, body: made }) as const
    const by = { actorId: principal.actorId, requestId }
    const made = await invitations.renew({ ...named, ...by }, (renewed) => once.keep(answerOf(renewed)))
    if (!made) throw new ProblemError('resource-not-found')
    return answerOf(made)
  }

  const own = ({ principal, params: { id } }: { principal: Principal; params: { id: string } }): Named => ({
    ...{ tenantId: administered(principal), invitationId: id },
  })
  const named = async ({ id, invitationId }: { id: string; invitationId: string }): Promise<Named> => ({
    ...{ tenantId: await existing(id), invitationId },
  })

  return [
    route({ ...listInvitations, handle: async ({ principal }) => await list(administered(principal)) }),
    route({ ...withdrawInvitation, handle: async (request) => await withdraw(own(request), request) }),
    route({ ...renewInvitation, handle: async (request) => await renew(own(request), request) }),
    route({ ...listTenantInvitations, handle: async ({ params }) => await list(await existing(params.id)) }),
    route({
      ...withdrawTenantInvitation,
      handle: async (request) => await withdraw(await named(request.params), request),
    }),
    route({ ...renewTenantInvitation, handle: async (request) => await renew(await named(request.params), request) }),
  ]
}
