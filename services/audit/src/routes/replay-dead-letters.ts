import { getBulkReplay, replayDeadLetters } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { BulkReplayStore } from '../store/bulk-replay-store.ts'

type Deps = {
  readonly bulks: Pick<BulkReplayStore, 'preview' | 'request' | 'find'>
  readonly wakeWorker: () => void
}

export function replayDeadLettersRoute({ bulks, wakeWorker }: Deps): Route {
  return route({
    ...replayDeadLetters,
    async handle({ principal, query: { dryRun }, body: filter, requestId }) {
      if (dryRun === 'true') return { status: 200, body: { dryRun: true, ...(await bulks.preview(filter)) } }
      const id = await bulks.request(filter, { actorId: principal.actorId, requestId })
      wakeWorker()
      const bulk = await bulks.find(id)
      if (!bulk) throw new ProblemError('resource-not-found')
      return { status: 202, body: bulk, headers: { location: getBulkReplay.path.replace(':id', id) } }
    },
  })
}
