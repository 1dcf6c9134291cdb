import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { Role } from '../permissions.ts'
import { operation } from './operation.ts'

/** A session of the caller's own account. */
export const session = z.object({
  id: uuid,
  kind: z.enum(['browser', 'app']),
  tenantId: uuid,
  provider: z.string(),
  signedInAt: instant,
  seenAt: instant,
  /** by then it ends, however much it is used */
  expiresAt: instant,
  /** true for the one this request came with */
  current: z.boolean(),
})

export const signOut = operation({
  method: 'POST',
  path: '/v1/auth/logout',
  summary: 'Ends the session of this request on the server, and all that it signed',
  permission: 'signed-in',
  answers: {
    /** where the provider's own session is ended, for who wants that too; null where the provider has no such place */
    200: z.object({ providerLogoutUrl: z.string().nullable() }),
  },
})

export const listSessions = operation({
  method: 'GET',
  path: '/v1/auth/sessions',
  summary: "The caller's own sessions in all tenants, newest first",
  permission: 'signed-in',
  answers: { 200: z.object({ items: z.array(session) }) },
})

export const endSession = operation({
  method: 'DELETE',
  path: '/v1/auth/sessions/:id',
  summary: "Ends one of the caller's own sessions",
  permission: 'signed-in',
  params: z.object({ id: uuid }),
  answers: { 204: z.undefined() },
  problems: ['resource-not-found'],
})

export const endSessions = operation({
  method: 'DELETE',
  path: '/v1/auth/sessions',
  summary: "Ends all of the caller's own sessions, this one too",
  permission: 'signed-in',
  answers: { 204: z.undefined() },
})

/** What the caller's account may do in one tenant. */
export const ownMembership = z.object({
  tenantId: uuid,
  roles: z.array(z.enum(Role)),
  subjectId: uuid.nullable(),
  current: z.boolean(),
})

export const listOwnMemberships = operation({
  method: 'GET',
  path: '/v1/auth/tenants',
  summary: "The tenants the caller's account is a member of",
  permission: 'signed-in',
  answers: { 200: z.object({ items: z.array(ownMembership) }) },
})

export const switchTenant = operation({
  method: 'PUT',
  path: '/v1/auth/tenant',
  summary: 'Goes on in another tenant of the same account: a new session id, the sign-in stays as old as it is',
  permission: 'signed-in',
  body: z.strictObject({ tenantId: uuid }),
  answers: { 200: ownMembership },
  problems: ['resource-not-found', 'second-factor-missing', 'tenant-suspended', 'state-conflict'],
})

/** 256 bits as base64url. */
export const secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

export const acceptInvitation = operation({
  method: 'POST',
  path: '/v1/auth/invitations/:token',
  summary: 'Binds the account that has just signed in to what it was invited to',
  permission: 'public',
  limit: 'sign-in',
  params: z.object({ token: z.string().max(100) }),
  answers: { 200: ownMembership },
  problems: [
    ...(['token-missing', 'resource-not-found', 'second-factor-missing', 'cross-site-refused'] as const),
    ...(['state-conflict', 'tenant-suspended'] as const),
  ],
})

/** Roles that people of a company have; an invitation or a domain gives them. */
export const staffRole = z.enum(['company_admin', 'programme_manager', 'auditor'])

export const endMembership = operation({
  method: 'DELETE',
  path: '/v1/memberships/:id',
  summary:
    "Ends what an account may do in the caller's tenant, its sessions there included; for its administrators, of whom one stays",
  permission: 'signed-in',
  fresh: true,
  params: z.object({ id: uuid }),
  answers: { 204: z.undefined() },
  problems: ['permission-denied', 'resource-not-found', 'state-conflict'],
})

export const listMemberships = operation({
  method: 'GET',
  path: '/v1/memberships',
  summary: "The accounts that may act in the caller's tenant, newest first; for its administrators",
  permission: 'signed-in',
  answers: {
    200: z.object({
      items: z.array(
        z.object({ id: uuid, roles: z.array(z.enum(Role)), subjectId: uuid.nullable(), joinedAt: instant }),
      ),
    }),
  },
  problems: ['permission-denied'],
})

const tenantParams = z.object({ id: uuid })

export const addMember = operation({
  method: 'POST',
  path: '/v1/tenants/:id/members',
  summary: 'Makes the account that a provider calls (issuer, subject) a member, before its first sign-in or after',
  permission: 'platform:operate',
  params: tenantParams,
  body: z.strictObject({
    provider: z.string().min(1).max(40),
    /** as the provider writes it into its tokens: a plain address */
    issuer: z
      .string()
      .max(500)
      .regex(/^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[A-Za-z0-9._~-]+)*\/?$/),
    subject: z.string().min(1).max(255),
    role: z.enum(['platform_admin', ...staffRole.options]),
  }),
  answers: { 201: z.object({ accountId: uuid }) },
  problems: ['resource-not-found'],
})

/** A directory id of Entra (`tid`) or a hosted domain of Google (`hd`) that the operator has verified. */
const domain = z.strictObject({
  claim: z.enum(['tid', 'hd']),
  value: z
    .string()
    .min(3)
    .max(253)
    .regex(/^[a-z0-9.-]+$/),
})

export const signInRules = z.strictObject({
  domains: z.array(domain).max(50),
  /** of who joins by domain */
  role: staffRole,
  /** asks for a second factor where the provider says whether there was one */
  secondFactor: z.boolean(),
})

export const getSignInRules = operation({
  method: 'GET',
  path: '/v1/tenants/:id/sign-in-rules',
  summary: 'Which domains bring people into a tenant, as what, and whether it asks for a second factor',
  permission: 'platform:operate',
  params: tenantParams,
  answers: { 200: signInRules },
  problems: ['resource-not-found'],
})

export const putSignInRules = operation({
  method: 'PUT',
  path: '/v1/tenants/:id/sign-in-rules',
  summary: 'Sets them; a domain belongs to one tenant',
  permission: 'platform:operate',
  params: tenantParams,
  body: signInRules,
  answers: { 200: signInRules },
  problems: ['resource-not-found', 'state-conflict'],
})

/** What happens after a sign-in: sessions and memberships. */
export const accountOperations = [
  ...[signOut, listSessions, endSession, endSessions, listOwnMemberships, switchTenant],
  ...[acceptInvitation, listMemberships, endMembership, addMember],
  ...[getSignInRules, putSignInRules],
]
