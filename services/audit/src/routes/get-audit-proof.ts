import { getAuditProof } from '@csr/contracts/http/audit'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Checkpoints } from '../checkpoints/sign-checkpoint.ts'
import type { LogStore } from '../store/log-store.ts'

type Deps = { readonly log: Pick<LogStore, 'prove'>; readonly checkpoints: Checkpoints }

export function getAuditProofRoute({ log, checkpoints }: Deps): Route {
  return route({
    ...getAuditProof,
    async handle({ principal, params: { id } }) {
      const proof = await log.prove(principal.tenantId, id)
      if (!proof) throw new ProblemError('resource-not-found')
      const { record, leafHash, path, head } = proof
      return {
        status: 200,
        body: {
          event: record,
          leafHash: leafHash.toString('hex'),
          path: path.map((hash) => hash.toString('hex')),
          checkpoint: await checkpoints.sign(principal.tenantId, head),
        },
      }
    },
  })
}
