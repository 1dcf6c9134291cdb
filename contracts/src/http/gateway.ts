import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { Permission, Role } from '../permissions.ts'
import { services, type Service } from '../services.ts'
import { accountOperations } from './accounts.ts'
import { createFirewallExplanation } from './firewall.ts'
import { invitationOperations } from './invitations.ts'
import { operation } from './operation.ts'
import { signInOperations } from './sign-in.ts'
import { tenantOperations } from './tenants.ts'
import { tokenOperations } from './tokens.ts'

/** Public members of an RSA verification key (RFC 7517). */
export const publicKey = z.object({
  kty: z.literal('RSA'),
  kid: z.string(),
  alg: z.literal('RS256'),
  use: z.literal('sig'),
  n: z.string(),
  e: z.string(),
})

export const getJwks = operation({
  method: 'GET',
  path: '/.well-known/jwks.json',
  summary: 'Public keys of access tokens: next, active and retiring',
  permission: 'public',
  answers: { 200: z.object({ keys: z.array(publicKey) }) },
})

/** A key that signs access tokens; verifiers know it before it is used and as long as a token of it can live. */
export const signingKey = z.object({
  kid: z.string(),
  state: z.enum(['next', 'active', 'retiring', 'retired']),
  publishedAt: instant,
  /** null while nobody decided to use it */
  activeFrom: instant.nullable(),
  /** what it signed is refused from then on; null until another key is to take over */
  retiresAt: instant.nullable(),
})
export type SigningKey = z.infer<typeof signingKey>

export const listSigningKeys = operation({
  method: 'GET',
  path: '/v1/signing-keys',
  summary: 'Keys that sign access tokens, with their state, oldest first',
  permission: 'platform:operate',
  answers: { 200: z.object({ items: z.array(signingKey) }) },
})

export const rotateSigningKey = operation({
  method: 'POST',
  path: '/v1/signing-keys/rotations',
  summary: 'Lets the next key take over; the old one verifies until every token it signed has expired',
  permission: 'platform:operate',
  answers: {
    201: z.object({ fromKid: z.string(), toKid: z.string(), activeFrom: instant, retiresAt: instant }),
  },
  problems: ['state-conflict'],
})

/** Who the access token speaks for, and what it may do. */
export const me = z.object({
  actorId: z.string(),
  tenantId: uuid,
  subjectId: uuid.nullable(),
  roles: z.array(z.enum(Role)),
  permissions: z.array(z.object({ permission: z.enum(Permission), reach: z.enum(['tenant', 'own']) })),
  sessionId: z.string().nullable(),
  /** when the person behind the token completed a sign-in; null for machines */
  signedInAt: instant.nullable(),
  /** what a page sends as `x-csrf-token` with every change it asks for by cookie; null where no cookie came along */
  csrfToken: z.string().nullable(),
})
export type Me = z.infer<typeof me>

export const getMe = operation({
  method: 'GET',
  path: '/v1/me',
  summary: 'Who the access token speaks for, and what it may do',
  permission: 'signed-in',
  answers: { 200: me },
})

/** What a service says about itself; `missing` names the parts it waits for. */
export const serviceHealth = z.object({
  service: z.string(),
  status: z.enum(['ready', 'not-ready']),
  missing: z.array(z.string()),
})
export type ServiceHealth = z.infer<typeof serviceHealth>

/** One operation per service: an unknown name is an unknown route. */
export function getServiceHealth<Name extends Service>(service: Name) {
  return operation({
    method: 'GET',
    path: `/v1/${service}/health`,
    summary: `Health of ${service}`,
    permission: 'public',
    limit: 'none',
    answers: { 200: serviceHealth },
  })
}

export const problemParams = z.object({ code: z.string().max(60) })
export const problemExplanation = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  explanation: z.string(),
})

export const getProblem = operation({
  method: 'GET',
  path: '/problems/:code',
  summary: 'Explains a problem code',
  permission: 'public',
  params: problemParams,
  answers: { 200: problemExplanation },
  problems: ['resource-not-found'],
})

export const getOpenApi = operation({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document: every operation of the gateway',
  permission: 'public',
  answers: { 200: z.looseObject({ openapi: z.string() }) },
})

export const getDocs = operation({
  method: 'GET',
  path: '/docs',
  summary: 'This document as a page to read and try',
  permission: 'public',
  answers: { 200: z.custom<Uint8Array>() },
  answerMediaType: 'text/html',
})

/** Merged over what would be signed; null removes a member. */
const members = z.record(z.string(), z.unknown())

export const developmentTokenRequest = z.strictObject({
  tenantId: uuid,
  role: z.enum(Role),
  subject: uuid.optional(),
  claims: members.optional(),
  header: members.optional(),
})
export type DevelopmentTokenRequest = z.infer<typeof developmentTokenRequest>

export const createDevelopmentToken = operation({
  method: 'POST',
  path: '/v1/development/tokens',
  summary: 'Signs any access token; there in development mode and on loopback only',
  permission: 'public',
  limit: 'user',
  body: developmentTokenRequest,
  answers: { 201: z.object({ token: z.string() }) },
})

/** Operations of every gateway; development tokens are not among them. */
export const gatewayOperations = [
  getJwks,
  listSigningKeys,
  rotateSigningKey,
  getMe,
  ...signInOperations,
  ...accountOperations,
  ...invitationOperations,
  ...tokenOperations,
  ...tenantOperations,
  createFirewallExplanation,
  getProblem,
  getOpenApi,
  getDocs,
  ...services.map((service) => getServiceHealth(service)),
]
