import { createEndpoint as operation } from '@csr/contracts/http/ingest'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Created, EndpointStore } from '../store/endpoint-store.ts'

type Deps = { readonly endpoints: Pick<EndpointStore, 'create'> }

export function createEndpoint({ endpoints }: Deps): Route {
  return route({
    ...operation,
    async handle({ body, principal, requestId, once }) {
      const { partner, programme = null } = body
      const { tenantId, actorId } = principal
      const answerOf = ({ id, secret }: Created) =>
        ({ status: 201, body: { id, partner, webhookPath: `/v1/webhooks/${partner}/${id}`, secret } }) as const
      const wanted = { tenantId, partner, programme, actorId, requestId }
      const created = await endpoints.create(wanted, (made) => once.keep(answerOf(made)))
      if (!created) throw new ProblemError('resource-not-found')
      return answerOf(created)
    },
  })
}
