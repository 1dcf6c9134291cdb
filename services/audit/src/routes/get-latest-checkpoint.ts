import { getLatestCheckpoint } from '@csr/contracts/http/audit'
import { route, type Route } from '@csr/http/route'
import type { Checkpoints } from '../checkpoints/sign-checkpoint.ts'
import type { LogStore } from '../store/log-store.ts'

type Deps = { readonly log: Pick<LogStore, 'head'>; readonly checkpoints: Checkpoints }

export function getLatestCheckpointRoute({ log, checkpoints }: Deps): Route {
  return route({
    ...getLatestCheckpoint,
    async handle({ principal }) {
      return { status: 200, body: await checkpoints.sign(principal.tenantId, await log.head(principal.tenantId)) }
    },
  })
}
