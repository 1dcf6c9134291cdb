import { createEvent } from '@csr/contracts/events/create-event'
import type { DataOf, EventType } from '@csr/contracts/events/catalog'
import type { By, GatewayEvent, Stamp } from './events.ts'

type OfTenant = By & { readonly tenantId: string }

/** What is told of a tenant in the same words: who did it. */
type Told = Extract<
  EventType,
  | ('gateway.tenant.created.v1' | 'gateway.tenant.resumed.v1' | 'gateway.tenant.closed.v1')
  | 'gateway.closure.withdrawn.v1'
>

/** The tenant was made, resumed, closed, or is to be kept. */
export function tenantTold(type: Told, { tenantId, actorId, requestId }: OfTenant, stamp: Stamp): GatewayEvent {
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent(type, about, { tenantId, actorId })
}

export function tenantSuspended(
  suspended: OfTenant & Pick<DataOf<'gateway.tenant.suspended.v1'>, 'reason'>,
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, actorId, requestId, reason } = suspended
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent('gateway.tenant.suspended.v1', about, { tenantId, actorId, reason })
}

export function closureRequested(requested: OfTenant & { readonly closesAt: string }, stamp: Stamp): GatewayEvent {
  const { tenantId, actorId, requestId, closesAt } = requested
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent('gateway.closure.requested.v1', about, { tenantId, actorId, closesAt })
}

export function tenantErasureDue(due: OfTenant & { readonly accountIds: string[] }, stamp: Stamp): GatewayEvent {
  const { tenantId, actorId, requestId, accountIds } = due
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent('gateway.tenant-erasure.due.v1', about, { tenantId, actorId, accountIds })
}

export function administrationHandedOver(
  moved: OfTenant & { readonly fromAccountId: string | null; readonly toAccountId: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, actorId, requestId, fromAccountId, toAccountId } = moved
  const about = { ...stamp, tenantId, subject: toAccountId, causationId: requestId }
  return createEvent('gateway.administration.handed-over.v1', about, { fromAccountId, toAccountId, actorId })
}

export function invitationCreated(
  invitation: OfTenant & DataOf<'gateway.invitation.created.v1'>,
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, invitationId, role, subjectId, actorId, requestId } = invitation
  const about = { ...stamp, tenantId, subject: invitationId, causationId: requestId }
  return createEvent('gateway.invitation.created.v1', about, { invitationId, role, subjectId, actorId })
}

/** It has another token, or none any more. */
export function invitationChanged(
  type: 'gateway.invitation.renewed.v1' | 'gateway.invitation.withdrawn.v1',
  { tenantId, invitationId, actorId, requestId }: OfTenant & { readonly invitationId: string },
  stamp: Stamp,
): GatewayEvent {
  const about = { ...stamp, tenantId, subject: invitationId, causationId: requestId }
  return createEvent(type, about, { invitationId, actorId })
}
