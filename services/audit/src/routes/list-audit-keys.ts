import { listAuditKeys } from '@csr/contracts/http/audit'
import type { publicKey } from '@csr/contracts/http/gateway'
import type { PublicKeys } from '@csr/http/keys'
import { route, type Route } from '@csr/http/route'
import type { z } from 'zod'

type Deps = { readonly keys: Pick<PublicKeys, 'jwks'> }

/** Checkpoints are signed with the key of this service; its public halves are files that everybody may read. */
export function listAuditKeysRoute({ keys }: Deps): Route {
  return route({
    ...listAuditKeys,
    async handle() {
      const published = (await keys.jwks('audit')) as z.output<typeof publicKey>[]
      return { status: 200, body: { keys: published } }
    },
  })
}
