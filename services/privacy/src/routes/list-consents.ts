import { listConsents } from '@csr/contracts/http/privacy'
import { route, type Route } from '@csr/http/route'
import { consentsOf } from '../domain/consent.ts'
import type { ConsentStore } from '../store/consent-store.ts'
import { subjectOfRequest } from './subject-of-request.ts'

type Deps = { readonly consents: Pick<ConsentStore, 'latest'> }

/** Staff read without a check of identity: it is changing that needs one. */
export function listConsentsRoute({ consents }: Deps): Route {
  return route({
    ...listConsents,
    async handle({ principal, query }) {
      const { subjectId } = subjectOfRequest(principal, { ...query, identityCheckedBy: 'reading only' })
      const decisions = await consents.latest(principal.tenantId, [subjectId])
      return { status: 200, body: { items: consentsOf(decisions) } }
    },
  })
}
