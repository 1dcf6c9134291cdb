import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { suspensionReason } from '../events/tenants.ts'
import { invited, inviteeEmail } from './invitations.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

export const tenant = z.object({
  id: uuid,
  name: z.string(),
  createdAt: instant,
  /** nothing of a tenant that is not open is answered, on any port */
  state: z.enum(['open', 'suspended', 'closed']),
  suspendedAt: instant.nullable(),
  suspendedFor: suspensionReason.nullable(),
  /** when it closes for good; null where nobody asked. Until then that can be taken back */
  closesAt: instant.nullable(),
  closedAt: instant.nullable(),
})
export type Tenant = z.infer<typeof tenant>

/** A tenant with what would end with it. */
export const tenantDetail = tenant.extend({
  /** accounts that may administer it */
  administrators: z.array(uuid),
  members: z.number().int(),
  sessions: z.number().int(),
  machineClients: z.number().int(),
  /** that wait to be accepted */
  invitations: z.number().int(),
})
export type TenantDetail = z.infer<typeof tenantDetail>

export const createTenant = operation({
  method: 'POST',
  path: '/v1/tenants',
  summary: 'Makes a tenant with a key of its own, and an invitation for its first administrator where one is named',
  permission: 'platform:operate',
  body: z.strictObject({
    name: z.string().trim().min(1).max(200),
    administrator: z.strictObject({ email: inviteeEmail }).optional(),
  }),
  answers: { 201: tenant.extend({ invitation: invited.optional() }) },
})

export const listTenants = operation({
  method: 'GET',
  path: '/v1/tenants',
  summary: 'Lists the tenants, newest first',
  permission: 'platform:operate',
  query: listQuery.extend({ cursor: uuid.optional() }),
  answers: { 200: listOf(tenant) },
})

const params = z.object({ id: uuid })

export const getTenant = operation({
  method: 'GET',
  path: '/v1/tenants/:id',
  summary: 'A tenant: its state, its administrators, and how much would end with it',
  permission: 'platform:operate',
  params,
  answers: { 200: tenantDetail },
  problems: ['resource-not-found'],
})

export const suspendTenant = operation({
  method: 'PUT',
  path: '/v1/tenants/:id/suspension',
  summary: 'Suspends a tenant: within a minute nothing of it is answered on any port; what was accepted is worked off',
  permission: 'platform:operate',
  params,
  body: z.strictObject({ reason: suspensionReason }),
  answers: { 200: tenantDetail },
  problems: ['resource-not-found', 'state-conflict'],
})

export const resumeTenant = operation({
  method: 'DELETE',
  path: '/v1/tenants/:id/suspension',
  summary: 'Resumes a tenant: sessions, tokens and machine clients go on where they have not expired meanwhile',
  permission: 'platform:operate',
  params,
  answers: { 200: tenantDetail },
  problems: ['resource-not-found', 'state-conflict'],
})

const dryRun = z.object({ dryRun: z.enum(['true', 'false']).default('false') })

export const closeTenant = operation({
  method: 'PUT',
  path: '/v1/tenants/:id/closure',
  summary: 'Asks for the end of a tenant: after a waiting time access ends for good and every key of it is destroyed',
  permission: 'platform:operate',
  fresh: true,
  params,
  query: dryRun,
  body: z.strictObject({
    /** the waiting time unless the settings' own will do */
    waitDays: z.number().int().min(0).max(365).optional(),
  }),
  answers: { 200: tenantDetail },
  problems: ['resource-not-found', 'state-conflict'],
})

export const keepTenant = operation({
  method: 'DELETE',
  path: '/v1/tenants/:id/closure',
  summary: 'Takes back the wish to close a tenant, as long as it is not closed',
  permission: 'platform:operate',
  params,
  answers: { 200: tenantDetail },
  problems: ['resource-not-found', 'state-conflict'],
})

const successor = {
  /** a member; without one whoever accepts an invitation */
  toAccountId: uuid.optional(),
  /** noted with the invitation */
  email: inviteeEmail.optional(),
}

const handedOver = {
  200: z.object({ fromAccountId: uuid.nullable(), toAccountId: uuid }),
  /** the role goes over when the invitation is accepted */
  201: z.object({ fromAccountId: uuid.nullable(), invitation: invited }),
}

export const handOverTenant = operation({
  method: 'POST',
  path: '/v1/tenants/:id/hand-overs',
  summary: 'Moves the administration of a tenant to a member, or to whoever accepts the invitation this makes',
  permission: 'platform:operate',
  fresh: true,
  params,
  body: z.strictObject({
    /** who loses the role; may be left out where there is one administrator, or none */
    fromAccountId: uuid.optional(),
    ...successor,
  }),
  answers: handedOver,
  problems: ['resource-not-found', 'state-conflict'],
})

export const getOwnTenant = operation({
  method: 'GET',
  path: '/v1/tenant',
  summary: "The caller's own tenant; for its administrators",
  permission: 'signed-in',
  answers: { 200: tenantDetail },
  problems: ['permission-denied', 'resource-not-found'],
})

export const closeOwnTenant = operation({
  method: 'PUT',
  path: '/v1/tenant/closure',
  summary: "Asks for the end of the caller's own tenant, after the waiting time; for its administrators",
  permission: 'signed-in',
  fresh: true,
  query: dryRun,
  answers: { 200: tenantDetail },
  problems: ['permission-denied', 'resource-not-found', 'state-conflict'],
})

export const keepOwnTenant = operation({
  method: 'DELETE',
  path: '/v1/tenant/closure',
  summary: "Takes back the wish to close the caller's own tenant; for its administrators",
  permission: 'signed-in',
  answers: { 200: tenantDetail },
  problems: ['permission-denied', 'resource-not-found', 'state-conflict'],
})

export const handOverOwnTenant = operation({
  method: 'POST',
  path: '/v1/tenant/hand-overs',
  summary: "Moves the caller's own administration to a member, or to whoever accepts the invitation this makes",
  permission: 'signed-in',
  fresh: true,
  body: z.strictObject(successor),
  answers: handedOver,
  problems: ['permission-denied', 'resource-not-found', 'state-conflict'],
})

/** A tenant from its beginning to its end. */
export const tenantOperations = [
  ...[createTenant, listTenants, getTenant, suspendTenant, resumeTenant, closeTenant, keepTenant, handOverTenant],
  ...[getOwnTenant, closeOwnTenant, keepOwnTenant, handOverOwnTenant],
]
