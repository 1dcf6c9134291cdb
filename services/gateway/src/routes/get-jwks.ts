import { getJwks } from '@csr/contracts/http/gateway'
import type { PublicKeys } from '@csr/http/keys'
import { route, type Route } from '@csr/http/route'
import { accessToken } from '@csr/http/token-verifier'

/** Verifiers may keep the set this long; a new key is published earlier than that before its first use. */
const keptSeconds = 60

export function getJwksRoute({ keys }: { readonly keys: Pick<PublicKeys, 'jwks'> }): Route {
  return route({
    ...getJwks,
    async handle() {
      const published = await keys.jwks(accessToken.keyName)
      return {
        status: 200,
        body: { keys: [...published] },
        headers: { 'cache-control': `public, max-age=${keptSeconds}` },
      }
    },
  })
}
