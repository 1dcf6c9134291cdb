import { listOutcomes } from '@csr/contracts/http/q2q'
import { reachOf } from '@csr/contracts/permissions'
import { cursorOf, positionOf } from '@csr/http/list-page'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { OutcomeStore } from '../store/outcome-store.ts'

type Deps = { readonly outcomes: Pick<OutcomeStore, 'list'> }

/** Outcomes of one person; the words of the evidence are there only for who may read personal fields. */
export function listOutcomesRoute({ outcomes }: Deps): Route {
  return route({
    ...listOutcomes,
    async handle({ principal, reach, params: { id }, query: { cursor, limit } }) {
      if (reach === 'own' && principal.subjectId !== id) throw new ProblemError('resource-not-found')
      const personal = reachOf(principal.roles, 'profile:read-personal') !== null
      const page = { before: positionOf(cursor), limit }
      const { items, last } = await outcomes.list(principal.tenantId, id, page, personal)
      return { status: 200, body: { items, nextCursor: cursorOf(last) } }
    },
  })
}
