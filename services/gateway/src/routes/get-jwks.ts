import { getJwks } from '@csr/contracts/http/gateway'
import { route, type Route } from '@csr/http/route'
import type { SigningKeys } from '../tokens/signing-keys.ts'

/** Verifiers may keep the set this long; a new key is published earlier than that before its first use. */
const keptSeconds = 60

export function getJwksRoute({ keys }: { readonly keys: Pick<SigningKeys, 'jwks'> }): Route {
  return route({
    ...getJwks,
    async handle() {
      return {
        status: 200,
        body: { keys: [...keys.jwks()] },
        headers: { 'cache-control': `public, max-age=${keptSeconds}` },
      }
    },
  })
}
