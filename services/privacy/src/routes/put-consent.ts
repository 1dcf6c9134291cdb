import { putConsent } from '@csr/contracts/http/privacy'
import { route, type Route } from '@csr/http/route'
import { consentOf } from '../domain/consent.ts'
import type { ConsentStore } from '../store/consent-store.ts'
import { subjectOfRequest } from './subject-of-request.ts'

type Deps = { readonly consents: Pick<ConsentStore, 'record'> }

export function putConsentRoute({ consents }: Deps): Route {
  return route({
    ...putConsent,
    async handle({ principal, params: { purpose }, body, requestId }) {
      const { subjectId, identityCheckedBy } = subjectOfRequest(principal, body)
      const { allowed, notice } = body
      const decision = await consents.record(principal.tenantId, {
        ...{ subjectId, purpose, allowed, notice, identityCheckedBy, requestId },
        actorId: principal.actorId,
      })
      return { status: 200, body: consentOf(purpose, decision) }
    },
  })
}
