import { getOutcomeSummary } from '@csr/contracts/http/q2q'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { OutcomeStore } from '../store/outcome-store.ts'

type Deps = { readonly outcomes: Pick<OutcomeStore, 'summary'> }

/** Means over the whole tenant: for staff, not for participants. */
export function getOutcomeSummaryRoute({ outcomes }: Deps): Route {
  return route({
    ...getOutcomeSummary,
    async handle({ principal, reach }) {
      if (reach !== 'tenant') throw new ProblemError('permission-denied')
      return { status: 200, body: await outcomes.summary(principal.tenantId) }
    },
  })
}
