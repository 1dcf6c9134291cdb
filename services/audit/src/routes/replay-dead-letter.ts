import { replayDeadLetter } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'
import type { ReplayStore } from '../store/replay-store.ts'

type Deps = {
  readonly deadLetters: Pick<DeadLetterStore, 'find'>
  readonly replays: Pick<ReplayStore, 'replay' | 'mayReplay'>
}

export function replayDeadLetterRoute({ deadLetters, replays }: Deps): Route {
  return route({
    ...replayDeadLetter,
    async handle({ principal, params: { id }, query: { dryRun }, requestId }) {
      const trying = dryRun === 'true'
      const asked = trying
        ? await replays.mayReplay(id)
        : await replays.replay(id, { actorId: principal.actorId, requestId })
      if (asked.outcome === 'unknown') throw new ProblemError('resource-not-found')
      if (asked.outcome === 'refused')
        throw new ProblemError('state-conflict', { detail: `Not replayed: ${asked.because}.` })
      if (asked.outcome === 'allowed') {
        const { fingerprint, consumer } = asked.found
        return { status: 200, body: { dryRun: true, total: 1, groups: [{ fingerprint, consumer, count: 1 }] } }
      }
      const act = (await deadLetters.find(id))?.acts.find((one) => one.id === asked.actId)
      if (!act) throw new ProblemError('resource-not-found')
      return { status: 202, body: act, headers: { location: `/v1/dead-letters/${id}` } }
    },
  })
}
