import { createTenant } from '@csr/contracts/http/gateway'
import { route, type Route } from '@csr/http/route'
import type { TenantStore } from '../store/tenant-store.ts'

export function createTenantRoute({ tenants }: { readonly tenants: Pick<TenantStore, 'create'> }): Route {
  return route({
    ...createTenant,
    async handle({ body, principal, requestId, once }) {
      const wanted = { name: body.name, actorId: principal.actorId, requestId }
      const created = await tenants.create(wanted, (made) => once.keep({ status: 201, body: made }))
      return { status: 201, body: created }
    },
  })
}
