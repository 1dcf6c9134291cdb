import { handOverOwnTenant, handOverTenant } from '@csr/contracts/http/tenants'
import { ProblemError } from '@csr/http/problem'
import { route, type Principal, type Route, type RouteRequest } from '@csr/http/route'
import type { InvitationStore, NewInvitation } from '../store/invitation-store.ts'
import type { MembershipStore } from '../store/membership-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'
import { administered } from './administrator.ts'
import { accountOf } from './own-session.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'find'>
  readonly memberships: Pick<MembershipStore, 'handOver'>
  readonly invitations: Pick<InvitationStore, 'create'>
}

type Wanted = {
  readonly tenantId: string
  /** undefined: the one there is, if any */
  readonly fromAccountId: string | undefined
  readonly toAccountId?: string | undefined
  readonly email?: string | undefined
}

/** Moves the administration to a member at once, or to somebody new when the invitation is accepted. */
export function handOverRoutes(deps: Deps): Route[] {
  return [
    route({
      ...handOverTenant,
      handle: (request) =>
        handOver(
          deps,
          { ...request.body, tenantId: request.params.id, fromAccountId: request.body.fromAccountId },
          request,
        ),
    }),
    route({
      ...handOverOwnTenant,
      async handle(request) {
        const tenantId = administered(request.principal)
        const own = accountOf(request.principal)
        if (own === null) throw conflict('This token belongs to no account that could hand over.')
        return await handOver(deps, { ...request.body, tenantId, fromAccountId: own }, request)
      },
    }),
  ]
}

type Asked = Pick<RouteRequest, 'requestId' | 'once'> & { readonly principal: Principal }

async function handOver(deps: Deps, wanted: Wanted, { principal, requestId, once }: Asked) {
  const { tenantId, toAccountId, email = null } = wanted
  const by = { tenantId, actorId: principal.actorId, requestId }
  const fromAccountId = await predecessor(deps, wanted)
  if (toAccountId === undefined) {
    const answerOf = (invitation: NewInvitation) => ({ status: 201, body: { fromAccountId, invitation } }) as const
    const invited = { ...by, email, role: 'company_admin', subjectId: null, handsOverFrom: fromAccountId } as const
    return answerOf(await deps.invitations.create(invited, (made) => once.keep(answerOf(made))))
  }
  const moved = await deps.memberships.handOver({ ...by, fromAccountId, toAccountId })
  if (moved === 'unknown-member') throw new ProblemError('resource-not-found')
  if (moved === 'no-administrator') throw conflict("The administration is not that account's to hand over.")
  return { status: 200, body: { fromAccountId, toAccountId } } as const
}

/** Who loses the role; null where nobody has it. */
async function predecessor(
  { tenants }: Deps,
  { tenantId, fromAccountId, toAccountId }: Wanted,
): Promise<string | null> {
  const tenant = await tenants.find(tenantId)
  if (!tenant) throw new ProblemError('resource-not-found')
  if (tenant.state === 'closed') throw conflict('The tenant is closed.')
  if (fromAccountId !== undefined && fromAccountId === toAccountId) throw conflict('Both are the same account.')
  if (fromAccountId !== undefined) return fromAccountId
  const [only = null, ...others] = tenant.administrators.filter((account) => account !== toAccountId)
  if (others.length > 0) throw conflict('There are several administrators: fromAccountId says whose role goes over.')
  return only
}

function conflict(detail: string): ProblemError {
  return new ProblemError('state-conflict', { detail })
}
