import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import { platformTenantId } from '@csr/contracts/services'
import type { Refused } from './domain/refusals.ts'
import type { Rotation } from './domain/signing-key.ts'

/** Id and time of a new event, from the ports of the caller. */
export type Stamp = { readonly id: string; readonly time: string }

export type GatewayEvent = EventOf<
  'gateway.access.denied.v1' | 'gateway.tenant.created.v1' | 'gateway.signing-key.rotated.v1'
>

/** The event of one refusal, or of `count` alike. */
export function accessDenied({ refused, count }: { refused: Refused; count: number }, stamp: Stamp): GatewayEvent {
  const { tenantId, requestId, code, method, route, actorId, client } = refused
  const about = { ...stamp, tenantId, subject: actorId ?? client, causationId: requestId }
  return createEvent('gateway.access.denied.v1', about, { code, method, route, actorId, client, count })
}

export function tenantCreated(
  created: { readonly tenantId: string; readonly actorId: string; readonly requestId: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, actorId, requestId } = created
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent('gateway.tenant.created.v1', about, { tenantId, actorId })
}

export function signingKeyRotated(
  rotated: Rotation & { readonly actorId: string | null; readonly requestId: string },
  stamp: Stamp,
): GatewayEvent {
  const { fromKid, toKid, activeFromMs, retiresAtMs, actorId, requestId } = rotated
  const about = { ...stamp, tenantId: platformTenantId, subject: toKid, causationId: requestId }
  const instant = (ms: number): string => new Date(ms).toISOString()
  return createEvent('gateway.signing-key.rotated.v1', about, {
    ...{ fromKid, toKid, actorId },
    ...{ activeFrom: instant(activeFromMs), retiresAt: instant(retiresAtMs) },
  })
}
