import { listDeadLetterGroups } from '@csr/contracts/http/dead-letters'
import { pageOf, positionOf } from '@csr/http/list-page'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'

type Deps = { readonly deadLetters: Pick<DeadLetterStore, 'groups'> }

export function listDeadLetterGroupsRoute({ deadLetters }: Deps): Route {
  return route({
    ...listDeadLetterGroups,
    async handle({ query: { cursor, limit, ...filter } }) {
      const before = positionOf(cursor)?.id ?? null
      const groups = await deadLetters.groups({ filter, before, limit: limit + 1 })
      return { status: 200, body: pageOf(groups, limit, ({ newestId, lastAt }) => ({ at: lastAt, id: newestId })) }
    },
  })
}
