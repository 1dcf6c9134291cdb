import { listEndpoints as operation } from '@csr/contracts/http/ingest'
import { route, type Route } from '@csr/http/route'
import type { EndpointStore } from '../store/endpoint-store.ts'

type Deps = { readonly endpoints: Pick<EndpointStore, 'list'> }

export function listEndpoints({ endpoints }: Deps): Route {
  return route({
    ...operation,
    async handle({ principal, query: { cursor = null, limit } }) {
      const items = await endpoints.list(principal.tenantId, { before: cursor, limit: limit + 1 })
      const page = items.slice(0, limit)
      return { status: 200, body: { items: page, nextCursor: items.length > limit ? (page.at(-1)?.id ?? null) : null } }
    },
  })
}
