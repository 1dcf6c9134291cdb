import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import type { Refused } from './domain/refusals.ts'

/** Id and time of a new event, from the ports of the caller. */
export type Stamp = { readonly id: string; readonly time: string }

export type GatewayEvent = EventOf<'gateway.access.denied.v1' | 'gateway.tenant.created.v1'>

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
