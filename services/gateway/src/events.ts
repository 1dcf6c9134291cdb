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
