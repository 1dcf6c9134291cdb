import { getDeadLetter } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'

type Deps = { readonly deadLetters: Pick<DeadLetterStore, 'find'> }

export function getDeadLetterRoute({ deadLetters }: Deps): Route {
  return route({
    ...getDeadLetter,
    async handle({ params: { id } }) {
      const entry = await deadLetters.find(id)
      if (!entry) throw new ProblemError('resource-not-found')
      return { status: 200, body: entry }
    },
  })
}
