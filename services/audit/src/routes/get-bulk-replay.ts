import { getBulkReplay } from '@csr/contracts/http/dead-letters'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { BulkReplayStore } from '../store/bulk-replay-store.ts'

type Deps = { readonly bulks: Pick<BulkReplayStore, 'find'> }

export function getBulkReplayRoute({ bulks }: Deps): Route {
  return route({
    ...getBulkReplay,
    async handle({ params: { id } }) {
      const bulk = await bulks.find(id)
      if (!bulk) throw new ProblemError('resource-not-found')
      return { status: 200, body: bulk }
    },
  })
}
