import { createDevelopmentToken } from '@csr/contracts/http/gateway'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { isLoopback } from '../domain/client.ts'
import { describeDevelopmentToken } from '../domain/development-token.ts'
import type { TokenSigner } from '../tokens/sign-token.ts'

type Deps = {
  readonly signer: Pick<TokenSigner, 'kid' | 'sign'>
  readonly issuer: string
  readonly clock: Clock
  readonly ids: Ids
}

/** Added in development mode only; from anywhere but this machine the route does not exist there either. */
export function createDevelopmentTokenRoute({ signer, issuer, clock, ids }: Deps): Route {
  return route({
    ...createDevelopmentToken,
    async handle({ body, clientAddress }) {
      if (!isLoopback(clientAddress)) throw new ProblemError('route-not-found')
      const stamp = { kid: signer.kid(), issuer, nowMs: clock.nowMs(), tokenId: ids.uuid(), sessionId: ids.uuid() }
      const { header, claims } = describeDevelopmentToken(body, stamp)
      return {
        status: 201,
        body: { token: await signer.sign(header, claims) },
        headers: { 'cache-control': 'no-store' },
      }
    },
  })
}
