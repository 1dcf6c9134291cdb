import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { Role } from '../permissions.ts'
import { secret, staffRole } from './accounts.ts'
import { operation } from './operation.ts'

/** An invitation as it is made or renewed: the token is told here only, and good once within 14 days. */
export const invited = z.object({ id: uuid, token: secret, expiresAt: instant })

/** One that waits to be accepted. */
export const invitation = z.object({
  id: uuid,
  role: z.enum(Role),
  /** the person a participant will be */
  subjectId: uuid.nullable(),
  /** whom it is for, as whoever invited noted it; it binds nobody */
  email: z.string().nullable(),
  /** the account whose administration goes to whoever accepts; null where it takes nothing from anybody */
  handsOverFrom: uuid.nullable(),
  createdAt: instant,
  expiresAt: instant,
})

/** Noted for the eyes of administrators. Nothing is sent there, and nobody is bound by it. */
export const inviteeEmail = z.email().max(254)

export const inviteParticipant = operation({
  method: 'POST',
  path: '/v1/profiles/:id/invitations',
  summary: 'Invites a person to see their own record: a one-time token for 14 days, told here only',
  permission: 'profile:write',
  params: z.object({ id: uuid }),
  answers: { 201: invited },
  problems: ['resource-not-found'],
})

const wanted = z.strictObject({ role: staffRole, email: inviteeEmail.optional() })
const listed = z.object({ items: z.array(invitation) })
const ownParams = z.object({ id: uuid })
const tenantParams = z.object({ id: uuid })
const ofTenantParams = z.object({ id: uuid, invitationId: uuid })

export const inviteColleague = operation({
  method: 'POST',
  path: '/v1/invitations',
  summary: "Invites a colleague into the caller's tenant; for its administrators",
  permission: 'signed-in',
  body: wanted,
  answers: { 201: invited },
  problems: ['permission-denied'],
})

export const listInvitations = operation({
  method: 'GET',
  path: '/v1/invitations',
  summary: "Invitations into the caller's tenant that wait to be accepted, newest first; for its administrators",
  permission: 'signed-in',
  answers: { 200: listed },
  problems: ['permission-denied'],
})

export const withdrawInvitation = operation({
  method: 'DELETE',
  path: '/v1/invitations/:id',
  summary: "Takes back an invitation into the caller's tenant; for its administrators",
  permission: 'signed-in',
  params: ownParams,
  answers: { 204: z.undefined() },
  problems: ['permission-denied', 'resource-not-found'],
})

export const renewInvitation = operation({
  method: 'POST',
  path: '/v1/invitations/:id/renewals',
  summary: 'Gives an invitation another token and another 14 days; the token before it is dead. For administrators',
  permission: 'signed-in',
  params: ownParams,
  answers: { 201: invited },
  problems: ['permission-denied', 'resource-not-found'],
})

export const inviteIntoTenant = operation({
  method: 'POST',
  path: '/v1/tenants/:id/invitations',
  summary: 'Invites somebody into a tenant: its first administrator, for instance',
  permission: 'platform:operate',
  params: tenantParams,
  body: wanted,
  answers: { 201: invited },
  problems: ['resource-not-found', 'state-conflict'],
})

export const listTenantInvitations = operation({
  method: 'GET',
  path: '/v1/tenants/:id/invitations',
  summary: 'Invitations into a tenant that wait to be accepted, newest first',
  permission: 'platform:operate',
  params: tenantParams,
  answers: { 200: listed },
  problems: ['resource-not-found'],
})

export const withdrawTenantInvitation = operation({
  method: 'DELETE',
  path: '/v1/tenants/:id/invitations/:invitationId',
  summary: 'Takes back an invitation into a tenant',
  permission: 'platform:operate',
  params: ofTenantParams,
  answers: { 204: z.undefined() },
  problems: ['resource-not-found'],
})

export const renewTenantInvitation = operation({
  method: 'POST',
  path: '/v1/tenants/:id/invitations/:invitationId/renewals',
  summary: 'Gives an invitation another token and another 14 days; the token before it is dead',
  permission: 'platform:operate',
  params: ofTenantParams,
  answers: { 201: invited },
  problems: ['resource-not-found', 'state-conflict'],
})

export const invitationOperations = [
  ...[inviteParticipant, inviteColleague, listInvitations, withdrawInvitation, renewInvitation],
  ...[inviteIntoTenant, listTenantInvitations, withdrawTenantInvitation, renewTenantInvitation],
]
