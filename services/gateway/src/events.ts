import { createEvent } from '@csr/contracts/events/create-event'
import type { DataOf, EventOf, EventType } from '@csr/contracts/events/catalog'
import { platformTenantId } from '@csr/contracts/services'
import type { Refused } from './domain/refusals.ts'
import type { Rotation } from './domain/signing-key.ts'

/** Id and time of a new event, from the ports of the caller. */
export type Stamp = { readonly id: string; readonly time: string }

export type GatewayEvent = EventOf<Extract<EventType, `gateway.${string}`>>

/** The event of one refusal, or of `count` alike. */
export function refusalRecorded({ refused, count }: { refused: Refused; count: number }, stamp: Stamp): GatewayEvent {
  const { tenantId, requestId, code, client } = refused
  if (refused.kind === 'sign-in') {
    const about = { ...stamp, tenantId, subject: client, causationId: requestId }
    return createEvent('gateway.login.failed.v1', about, { provider: refused.provider, code, client, count })
  }
  const { method, route, actorId, rules } = refused
  const about = { ...stamp, tenantId, subject: actorId ?? client, causationId: requestId }
  const denied = { code, method, route, actorId, client, count, ...(rules.length > 0 && { rules: [...rules] }) }
  return createEvent('gateway.access.denied.v1', about, denied)
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

/** Who brought something about, and with which request. */
export type By = { readonly actorId: string; readonly requestId: string }

export type JoinedBy = DataOf<'gateway.membership.created.v1'>['joinedBy']

export function loginSucceeded(
  login: {
    readonly tenantId: string
    readonly accountId: string
    readonly sessionId: string
    readonly provider: string
    readonly secondFactor: boolean
    readonly requestId: string
  },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, accountId, sessionId, provider, secondFactor, requestId } = login
  const about = { ...stamp, tenantId, subject: accountId, causationId: requestId }
  return createEvent('gateway.login.succeeded.v1', about, { actorId: accountId, sessionId, provider, secondFactor })
}

export function tokenRevoked(
  revoked: By &
    Pick<DataOf<'gateway.token.revoked.v1'>, 'kind' | 'reason'> & { readonly tenantId: string; readonly id: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, kind, id, reason, actorId, requestId } = revoked
  const about = { ...stamp, tenantId, subject: id, causationId: requestId }
  return createEvent('gateway.token.revoked.v1', about, { kind, revokedId: id, reason, actorId })
}

export function membershipCreated(
  membership: By & DataOf<'gateway.membership.created.v1'> & { readonly tenantId: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, accountId, role, subjectId, joinedBy, actorId, requestId } = membership
  const about = { ...stamp, tenantId, subject: accountId, causationId: requestId }
  return createEvent('gateway.membership.created.v1', about, { accountId, role, subjectId, joinedBy, actorId })
}

export function membershipEnded(
  ended: By & { readonly tenantId: string; readonly accountId: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, accountId, actorId, requestId } = ended
  const about = { ...stamp, tenantId, subject: accountId, causationId: requestId }
  return createEvent('gateway.membership.ended.v1', about, { accountId, actorId })
}

type Rules = Pick<DataOf<'gateway.sign-in-rules.changed.v1'>, 'role' | 'secondFactor'> & {
  readonly domains: readonly DataOf<'gateway.sign-in-rules.changed.v1'>['domains'][number][]
}

export function signInRulesChanged(changed: By & Rules & { readonly tenantId: string }, stamp: Stamp): GatewayEvent {
  const { tenantId, domains, role, secondFactor, actorId, requestId } = changed
  const about = { ...stamp, tenantId, subject: tenantId, causationId: requestId }
  return createEvent('gateway.sign-in-rules.changed.v1', about, { domains: [...domains], role, secondFactor, actorId })
}

export function machineClientCreated(
  client: By & DataOf<'gateway.machine-client.created.v1'> & { readonly tenantId: string },
  stamp: Stamp,
): GatewayEvent {
  const { tenantId, clientId, role, method, actorId, requestId } = client
  const about = { ...stamp, tenantId, subject: clientId, causationId: requestId }
  return createEvent('gateway.machine-client.created.v1', about, { clientId, role, method, actorId })
}

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
