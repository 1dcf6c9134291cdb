import { getBulkReplay, replayDeadLetters, type BulkReplay } from '@csr/contracts/http/dead-letters'
import { route, type Route } from '@csr/http/route'
import type { BulkReplayStore } from '../store/bulk-replay-store.ts'

type Deps = {
  readonly bulks: Pick<BulkReplayStore, 'preview' | 'request'>
  readonly wakeWorker: () => void
}

export function replayDeadLettersRoute({ bulks, wakeWorker }: Deps): Route {
  return route({
    ...replayDeadLetters,
    async handle({ principal, query: { dryRun }, body: filter, requestId, once }) {
      if (dryRun === 'true') return { status: 200, body: { dryRun: true, ...(await bulks.preview(filter)) } }
      const answerOf = (bulk: BulkReplay) =>
        ({ status: 202, body: bulk, headers: { location: getBulkReplay.path.replace(':id', bulk.id) } }) as const
      const asker = { actorId: principal.actorId, requestId }
      const bulk = await bulks.request(filter, asker, (requested) => once.keep(answerOf(requested)))
      wakeWorker()
      return answerOf(bulk)
    },
  })
}
