import { acceptInvitation } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { InvitedSessions } from '../sessions/accept-invitation.ts'

const codes = {
  'unknown-visitor': 'token-missing',
  'unknown-invitation': 'resource-not-found',
  'second-factor-missing': 'second-factor-missing',
  'bound-already': 'state-conflict',
  'person-bound-already': 'state-conflict',
  'tenant-suspended': 'tenant-suspended',
} as const

/** Open to a session, and to somebody who has just signed in and is known to no tenant yet. */
export function acceptInvitationRoute({ invited }: { readonly invited: InvitedSessions }): Route {
  return route({
    ...acceptInvitation,
    async handle({ params, headers, requestId }) {
      const accepted = await invited.accept(params.token, { headers, requestId })
      if (accepted.outcome !== 'accepted') throw new ProblemError(codes[accepted.outcome])
      const { tenantId, roles, subjectId } = accepted.membership
      return {
        status: 200,
        body: { tenantId, roles: [...roles], subjectId, current: true },
        headers: { 'set-cookie': accepted.cookies },
      }
    },
  })
}
