import { createDecisions } from '@csr/contracts/http/privacy'
import { route, type Route } from '@csr/http/route'
import { refusing } from '../domain/consent.ts'
import type { ConsentStore } from '../store/consent-store.ts'

type Deps = { readonly consents: Pick<ConsentStore, 'latest'> }

/** Asked by q2q while it scores; answers with the decisions of this moment. */
export function createDecisionsRoute({ consents }: Deps): Route {
  return route({
    ...createDecisions,
    async handle({ body: { tenantId, purposes, subjectIds } }) {
      const decisions = await consents.latest(tenantId, subjectIds)
      return { status: 200, body: { refused: refusing(subjectIds, purposes, decisions) } }
    },
  })
}
