import { createTenant, type Tenant } from '@csr/contracts/http/tenants'
import { route, type Route } from '@csr/http/route'
import type { InvitationStore, NewInvitation } from '../store/invitation-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'create'>
  readonly invitations: Pick<InvitationStore, 'prepare'>
}

/** The invitation of the first administrator, where one is named, commits with the tenant. */
export function createTenantRoute({ tenants, invitations }: Deps): Route {
  return route({
    ...createTenant,
    async handle({ body, principal, requestId, once }) {
      const by = { actorId: principal.actorId, requestId }
      const email = body.administrator?.email ?? null
      let invitation: NewInvitation | undefined
      const answerOf = (made: Tenant) =>
        ({ status: 201, body: { ...made, ...(invitation && { invitation }) } }) as const
      const created = await tenants.create({ name: body.name, ...by }, async (made) => {
        if (email === null) return await once.keep(answerOf(made))
        const wanted = { ...by, email, tenantId: made.id, role: 'company_admin', subjectId: null, handsOverFrom: null }
        const prepared = await invitations.prepare({ ...wanted, role: 'company_admin' })
        invitation = prepared.made
        return [...prepared.statements, ...(await once.keep(answerOf(made)))]
      })
      return answerOf(created)
    },
  })
}
