import { inviteColleague, inviteIntoTenant, inviteParticipant } from '@csr/contracts/http/invitations'
import type { Role } from '@csr/contracts/permissions'
import { ProblemError } from '@csr/http/problem'
import { route, type Principal, type Route, type RouteRequest } from '@csr/http/route'
import type { Upstream } from '@csr/http/upstream'
import type { InvitationStore, NewInvitation } from '../store/invitation-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'
import { administered } from './administrator.ts'

type Invitations = { readonly invitations: Pick<InvitationStore, 'create'> }
type Invited = {
  readonly tenantId: string
  readonly role: Role
  readonly subjectId: string | null
  readonly email?: string | undefined
}

async function invite(
  { invitations }: Invitations,
  invited: Invited,
  { principal, requestId, once }: Pick<RouteRequest, 'requestId' | 'once'> & { readonly principal: Principal },
) {
  const answerOf = ({ id, token, expiresAt }: NewInvitation) =>
    ({ status: 201, body: { id, token, expiresAt } }) as const
  const { email = null } = invited
  const wanted = { ...invited, email, handsOverFrom: null, actorId: principal.actorId, requestId }
  return answerOf(await invitations.create(wanted, (made) => once.keep(answerOf(made))))
}

/** Whether there is such a person, and whether the caller may see them, is what profile says. */
export function inviteParticipantRoute(deps: Invitations & { readonly profile: Pick<Upstream, 'call'> }): Route {
  return route({
    ...inviteParticipant,
    async handle(request) {
      const { params, principal, reach, requestId, headers, deadlineMs } = request
      if (reach !== 'tenant') throw new ProblemError('permission-denied')
      const path = `/v1/profiles/${params.id}?fields=basic`
      const { authorization } = headers
      const answer = await deps.profile.call({ method: 'GET', path, requestId, authorization, deadlineMs })
      if (answer.status === 404) throw new ProblemError('resource-not-found')
      if (answer.status !== 200) throw new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })
      const { tenantId } = principal
      return await invite(deps, { tenantId, role: 'participant', subjectId: params.id }, request)
    },
  })
}

export function inviteColleagueRoute(deps: Invitations): Route {
  return route({
    ...inviteColleague,
    async handle(request) {
      const tenantId = administered(request.principal)
      return await invite(deps, { ...request.body, tenantId, subjectId: null }, request)
    },
  })
}

export function inviteIntoTenantRoute(deps: Invitations & { readonly tenants: Pick<TenantStore, 'exists'> }): Route {
  return route({
    ...inviteIntoTenant,
    async handle(request) {
      const { id: tenantId } = request.params
      if (!(await deps.tenants.exists(tenantId))) throw new ProblemError('resource-not-found')
      return await invite(deps, { ...request.body, tenantId, subjectId: null }, request)
    },
  })
}
