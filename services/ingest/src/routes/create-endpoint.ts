import { createEndpoint as operation } from '@csr/contracts/http/ingest'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { EndpointStore } from '../store/endpoint-store.ts'

type Deps = { readonly endpoints: Pick<EndpointStore, 'create'> }

export function createEndpoint({ endpoints }: Deps): Route {
  return route({
    ...operation,
    async handle({ body, principal, requestId }) {
      const { partner, programme = null } = body
      const { tenantId, actorId } = principal
      const created = await endpoints.create({ tenantId, partner, programme, actorId, requestId })
      if (!created) throw new ProblemError('resource-not-found')
      const { id, secret } = created
      return { status: 201, body: { id, partner, webhookPath: `/v1/webhooks/${partner}/${id}`, secret } }
    },
  })
}
