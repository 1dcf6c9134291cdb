import { listTenants } from '@csr/contracts/http/tenants'
import { route, type Route } from '@csr/http/route'
import type { TenantStore } from '../store/tenant-store.ts'

export function listTenantsRoute({ tenants }: { readonly tenants: Pick<TenantStore, 'list'> }): Route {
  return route({
    ...listTenants,
    async handle({ query }) {
      const { limit, cursor } = query
      const found = await tenants.list({ limit: limit + 1, before: cursor ?? null })
      const items = found.slice(0, limit)
      return { status: 200, body: { items, nextCursor: found.length > limit ? (items.at(-1)?.id ?? null) : null } }
    },
  })
}
