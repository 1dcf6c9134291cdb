import { listDeadLetters } from '@csr/contracts/http/dead-letters'
import { pageOf, positionOf } from '@csr/http/list-page'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'

type Deps = { readonly deadLetters: Pick<DeadLetterStore, 'list'> }

export function listDeadLettersRoute({ deadLetters }: Deps): Route {
  return route({
    ...listDeadLetters,
    async handle({ query: { cursor, limit, ...filter } }) {
      const before = positionOf(cursor)?.id ?? null
      const entries = await deadLetters.list({ filter, before, limit: limit + 1 })
      return { status: 200, body: pageOf(entries, limit, ({ id, lastAt }) => ({ at: lastAt, id })) }
    },
  })
}
