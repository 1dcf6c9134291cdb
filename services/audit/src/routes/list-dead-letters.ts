import { listDeadLetters } from '@csr/contracts/http/audit'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'

type Deps = { readonly deadLetters: Pick<DeadLetterStore, 'list'> }

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function listDeadLettersRoute({ deadLetters }: Deps): Route {
  return route({
    ...listDeadLetters,
    async handle({ query: { cursor, limit } }) {
      if (cursor !== undefined && !uuidForm.test(cursor)) {
        throw new ProblemError('parameter-invalid', {
          errors: [{ pointer: 'parameter:cursor', detail: 'is no cursor of this list' }],
        })
      }
      const entries = await deadLetters.list({ before: cursor ?? null, limit: limit + 1 })
      const items = entries.slice(0, limit)
      return { status: 200, body: { items, nextCursor: entries.length > limit ? (items.at(-1)?.id ?? null) : null } }
    },
  })
}
