import { z } from 'zod'
import { Role } from '../permissions.ts'
import { instant, uuid } from './envelope.ts'
import { tenantEvents } from './tenants.ts'

/** A request the edge refused; recorded one by one up to ten per minute and client, then as a count. */
export const accessDenied = z.object({
  code: z.string().max(60),
  method: z.string().max(10),
  /** the route's pattern, never the path as sent */
  route: z.string().max(200),
  actorId: z.string().max(200).nullable(),
  /** HMAC of the client address under a key of the week */
  client: z.string().max(100),
  count: z.number().int().min(1),
  /** rules of the firewall that were met: their ids, never what met them */
  rules: z.array(z.string().max(60)).max(50).optional(),
})

const actorId = z.string().max(200)

/** Somebody signed in, and a session is open. */
export const loginSucceeded = z.object({
  /** the account */
  actorId,
  sessionId: uuid,
  provider: z.string().max(40),
  secondFactor: z.boolean(),
})

/**
 * A sign-in that opened no session; recorded one by one up to ten per minute and client, then as a count. The platform
 * tenant's: whose employee it might have been is not known.
 */
export const loginFailed = z.object({
  provider: z.string().max(40),
  code: z.string().max(60),
  /** HMAC of the client address under a key of the week */
  client: z.string().max(100),
  /** how many alike; one where it is not said */
  count: z.number().int().min(1).optional(),
})

/** What a session, an account or a machine client held is refused from now on. */
export const tokenRevoked = z.object({
  kind: z.enum(['session', 'actor']),
  revokedId: z.string().max(200),
  reason: z.enum(['signed-out', 'replaced', 'ended', 'token-reused', 'client-removed']),
  actorId,
})

/** An account may act in this tenant from now on. */
export const membershipCreated = z.object({
  accountId: uuid,
  role: z.enum(Role),
  /** the person a participant is */
  subjectId: uuid.nullable(),
  joinedBy: z.enum(['operator', 'domain', 'invitation']),
  actorId,
})

/** An account may no longer act in this tenant; what it holds is refused. */
export const membershipEnded = z.object({ accountId: uuid, actorId })

/** Which domains bring people into a tenant, as what, and whether it asks for a second factor. */
export const signInRulesChanged = z.object({
  domains: z.array(z.object({ claim: z.enum(['tid', 'hd']), value: z.string().max(253) })).max(50),
  role: z.enum(Role),
  secondFactor: z.boolean(),
  actorId,
})

/** A machine may act in this tenant from now on. */
export const machineClientCreated = z.object({
  clientId: uuid,
  role: z.enum(Role),
  method: z.enum(['client_secret', 'private_key_jwt']),
  actorId,
})

/** Another key signs access tokens from `activeFrom` on; what the old one signed is refused from `retiresAt` on. */
export const signingKeyRotated = z.object({
  fromKid: z.string().max(64),
  toKid: z.string().max(64),
  activeFrom: instant,
  retiresAt: instant,
  /** null where its time had come */
  actorId: z.string().max(200).nullable(),
})

export const gatewayEvents = {
  ...tenantEvents,
  'gateway.access.denied.v1': accessDenied,
  'gateway.signing-key.rotated.v1': signingKeyRotated,
  'gateway.login.succeeded.v1': loginSucceeded,
  'gateway.login.failed.v1': loginFailed,
  'gateway.token.revoked.v1': tokenRevoked,
  'gateway.membership.created.v1': membershipCreated,
  'gateway.membership.ended.v1': membershipEnded,
  'gateway.sign-in-rules.changed.v1': signInRulesChanged,
  'gateway.machine-client.created.v1': machineClientCreated,
} as const
