import { replayDeadLetter, type DeadLetterAct } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { ReplayStore } from '../store/replay-store.ts'

type Deps = { readonly replays: Pick<ReplayStore, 'replay' | 'mayReplay'> }

export function replayDeadLetterRoute({ replays }: Deps): Route {
  return route({
    ...replayDeadLetter,
    async handle({ principal, params: { id }, query: { dryRun }, requestId, once }) {
      const answerOf = (act: DeadLetterAct) =>
        ({ status: 202, body: act, headers: { location: `/v1/dead-letters/${id}` } }) as const
      const asker = { actorId: principal.actorId, requestId }
      const asked =
        dryRun === 'true'
          ? await replays.mayReplay(id)
          : await replays.replay(id, asker, { keep: (act) => once.keep(answerOf(act)) })
      if (asked.outcome === 'unknown') throw new ProblemError('resource-not-found')
      if (asked.outcome === 'refused')
        throw new ProblemError('state-conflict', { detail: `Not replayed: ${asked.because}.` })
      if (asked.outcome === 'done') return answerOf(asked.act)
      const { fingerprint, consumer } = asked.found
      return { status: 200, body: { dryRun: true, total: 1, groups: [{ fingerprint, consumer, count: 1 }] } }
    },
  })
}
