import { discardDeadLetter } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'
import type { ReplayStore } from '../store/replay-store.ts'

type Deps = {
  readonly deadLetters: Pick<DeadLetterStore, 'find'>
  readonly replays: Pick<ReplayStore, 'discard' | 'mayDiscard'>
}

export function discardDeadLetterRoute({ deadLetters, replays }: Deps): Route {
  return route({
    ...discardDeadLetter,
    async handle({ principal, params: { id }, query: { reason, dryRun }, requestId }) {
      const asked =
        dryRun === 'true'
          ? await replays.mayDiscard(id)
          : await replays.discard(id, { actorId: principal.actorId, requestId }, reason)
      if (asked.outcome === 'refused')
        throw new ProblemError('state-conflict', { detail: `Not discarded: ${asked.because}.` })
      const entry = asked.outcome === 'unknown' ? null : await deadLetters.find(id)
      if (!entry) throw new ProblemError('resource-not-found')
      return { status: 200, body: entry }
    },
  })
}
