import { rotateSigningKey } from '@csr/contracts/http/gateway'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { SigningKeys } from '../tokens/signing-keys.ts'

export function rotateSigningKeyRoute({ keys }: { readonly keys: Pick<SigningKeys, 'rotate'> }): Route {
  return route({
    ...rotateSigningKey,
    deadlineMs: 10_000,
    async handle({ principal, requestId }) {
      const rotation = await keys.rotate({ actorId: principal.actorId, requestId })
      if (!rotation) throw new ProblemError('state-conflict', { detail: 'A rotation is under way already.' })
      const { fromKid, toKid, activeFromMs, retiresAtMs } = rotation
      const instants = {
        activeFrom: new Date(activeFromMs).toISOString(),
        retiresAt: new Date(retiresAtMs).toISOString(),
      }
      return { status: 201, body: { fromKid, toKid, ...instants } }
    },
  })
}
