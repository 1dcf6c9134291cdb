import { z } from 'zod'
import { instant, uuid } from './envelope.ts'

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

/** The first record of a tenant. */
export const tenantCreated = z.object({ tenantId: uuid, actorId: z.string().max(200) })

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
  'gateway.access.denied.v1': accessDenied,
  'gateway.tenant.created.v1': tenantCreated,
  'gateway.signing-key.rotated.v1': signingKeyRotated,
} as const
