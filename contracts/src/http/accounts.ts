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
  problems: ['resource-not-found', 'second-factor-missing', 'state-conflict'],
})

/** 256 bits as base64url. */
const secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

export const acceptInvitation = operation({
  method: 'POST',
  path: '/v1/auth/invitations/:token',
  summary: 'Binds the account that has just signed in to what it was invited to',
  permission: 'public',
  limit: 'sign-in',
  params: z.object({ token: z.string().max(100) }),
  answers: { 200: ownMembership },
  problems: ['token-missing', 'resource-not-found', 'second-factor-missing', 'cross-site-refused', 'state-conflict'],
})

const invited = z.object({ id: uuid, token: secret, expiresAt: instant })

export const inviteParticipant = operation({
  method: 'POST',
  path: '/v1/profiles/:id/invitations',
  summary: 'Invites a person to see their own record: a one-time token for 14 days, told here only',
  permission: 'profile:write',
  params: z.object({ id: uuid }),
  answers: { 201: invited },
  problems: ['resource-not-found'],
})

const staffRole = z.enum(['company_admin', 'programme_manager', 'auditor'])

export const inviteColleague = operation({
  method: 'POST',
  path: '/v1/invitations',
  summary: "Invites a colleague into the caller's tenant; for its administrators",
  permission: 'signed-in',
  body: z.strictObject({ role: staffRole }),
  answers: { 201: invited },
  problems: ['permission-denied'],
})

export const endMembership = operation({
  method: 'DELETE',
  path: '/v1/memberships/:id',
  summary: "Ends what an account may do in the caller's tenant, its sessions there included; for its administrators",
  permission: 'signed-in',
  fresh: true,
  params: z.object({ id: uuid }),
  answers: { 204: z.undefined() },
  problems: ['permission-denied', 'resource-not-found'],
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

export const inviteIntoTenant = operation({
  method: 'POST',
  path: '/v1/tenants/:id/invitations',
  summary: 'Invites somebody into a tenant: its first administrator, for instance',
  permission: 'platform:operate',
  params: tenantParams,
  body: z.strictObject({ role: staffRole }),
  answers: { 201: invited },
  problems: ['resource-not-found'],
})

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

/** Public members of a key that a machine signs its assertions with; a private member is refused. */
const machineKey = z.strictObject({
  kty: z.enum(['RSA', 'EC']),
  kid: z.string().min(1).max(100),
  alg: z.enum(['RS256', 'PS256', 'ES256']).optional(),
  use: z.literal('sig').optional(),
  n: z.string().max(2_000).optional(),
  e: z.string().max(20).optional(),
  crv: z.literal('P-256').optional(),
  x: z.string().max(100).optional(),
  y: z.string().max(100).optional(),
})
export type MachineKey = z.infer<typeof machineKey>

export const machineClient = z.object({
  id: uuid,
  name: z.string(),
  role: z.enum(['programme_manager', 'auditor']),
  /** how it proves itself at `POST /v1/auth/token` */
  method: z.enum(['client_secret', 'private_key_jwt']),
  createdAt: instant,
})
export type MachineClient = z.infer<typeof machineClient>

export const createMachineClient = operation({
  method: 'POST',
  path: '/v1/machine-clients',
  summary: "Makes a machine client of the caller's tenant; its secret, where it has one, is told here only",
  permission: 'signed-in',
  fresh: true,
  body: z.strictObject({
    name: z.string().trim().min(1).max(200),
    role: machineClient.shape.role,
    /** without keys the client gets a secret */
    publicKeys: z.array(machineKey).min(1).max(5).optional(),
  }),
  answers: { 201: machineClient.extend({ secret: secret.nullable() }) },
  problems: ['permission-denied', 'sign-in-not-fresh'],
})

export const listMachineClients = operation({
  method: 'GET',
  path: '/v1/machine-clients',
  summary: "The machine clients of the caller's tenant, newest first",
  permission: 'signed-in',
  answers: { 200: z.object({ items: z.array(machineClient) }) },
  problems: ['permission-denied'],
})

export const removeMachineClient = operation({
  method: 'DELETE',
  path: '/v1/machine-clients/:id',
  summary: 'Removes a machine client; its tokens are refused within a minute',
  permission: 'signed-in',
  params: z.object({ id: uuid }),
  answers: { 204: z.undefined() },
  problems: ['permission-denied', 'resource-not-found'],
})

/** Parameters of RFC 6749, RFC 7523; `session` trades the cookie of a signed-in browser for tokens of an application. */
export const tokenRequest = z.discriminatedUnion('grant_type', [
  z.object({ grant_type: z.literal('refresh_token'), refresh_token: z.string().min(1).max(200) }),
  z.object({
    grant_type: z.literal('client_credentials'),
    client_id: z.string().max(100).optional(),
    client_secret: z.string().max(200).optional(),
    client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer').optional(),
    client_assertion: z.string().max(8_192).optional(),
  }),
  z.object({ grant_type: z.literal('session') }),
])

export const createToken = operation({
  method: 'POST',
  path: '/v1/auth/token',
  summary: 'Access tokens of ten minutes for a refresh token, a machine client, or a signed-in browser’s application',
  permission: 'public',
  body: 'raw',
  mediaTypes: ['application/x-www-form-urlencoded', 'application/json'],
  bodyBytesMax: 16_384,
  answers: {
    200: z.object({
      access_token: z.string(),
      token_type: z.literal('Bearer'),
      /** seconds */
      expires_in: z.number().int(),
      /** takes the place of the one that was sent; not for machines */
      refresh_token: z.string().optional(),
    }),
  },
  problems: ['grant-invalid', 'client-invalid', 'token-missing', 'cross-site-refused'],
})

/** What happens after a sign-in: sessions, memberships, invitations, tokens. */
export const accountOperations = [
  ...[signOut, listSessions, endSession, endSessions, listOwnMemberships, switchTenant],
  ...[acceptInvitation, inviteParticipant, inviteColleague, inviteIntoTenant],
  ...[listMemberships, endMembership, addMember],
  ...[getSignInRules, putSignInRules, createToken],
  ...[createMachineClient, listMachineClients, removeMachineClient],
]
