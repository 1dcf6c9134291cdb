import { z } from 'zod'
import { Role } from '../permissions.ts'
import { instant, uuid } from './envelope.ts'

const actorId = z.string().max(200)
const acted = { tenantId: uuid, actorId }

/** Why a tenant is suspended: one of a few words, so that nobody is named. */
export const suspensionReason = z.enum(['requested', 'unpaid', 'security', 'legal', 'other'])
export type SuspensionReason = z.infer<typeof suspensionReason>

/** The first record of a tenant. */
export const tenantCreated = z.object(acted)

/** Nothing of the tenant is answered from now on; what was accepted is worked off. */
export const tenantSuspended = z.object({ ...acted, reason: suspensionReason })

/** It is answered again. */
export const tenantResumed = z.object(acted)

/** The tenant is to close at `closesAt`, unless that is taken back. */
export const closureRequested = z.object({ ...acted, closesAt: instant })

export const closureWithdrawn = z.object(acted)

/** Nothing of the tenant is answered any more, for good. `actorId` asked for it. */
export const tenantClosed = z.object(acted)

/**
 * No service believes the tenant to be open any more: every key of it is to be destroyed, and those of accounts that were
 * members nowhere else. Several where there are more accounts than fit.
 */
export const tenantErasureDue = z.object({ ...acted, accountIds: z.array(uuid).max(1_000) })

/** The administration moved. */
export const administrationHandedOver = z.object({
  /** null where there was no administrator */
  fromAccountId: uuid.nullable(),
  toAccountId: uuid,
  actorId,
})

/** Somebody was invited; who, only the token's holder knows. */
export const invitationCreated = z.object({
  invitationId: uuid,
  role: z.enum(Role),
  subjectId: uuid.nullable(),
  actorId,
})

/** It has another token and another time; the token before is dead. */
export const invitationRenewed = z.object({ invitationId: uuid, actorId })

/** It is good for nothing any more. */
export const invitationWithdrawn = z.object({ invitationId: uuid, actorId })

export const tenantEvents = {
  'gateway.tenant.created.v1': tenantCreated,
  'gateway.tenant.suspended.v1': tenantSuspended,
  'gateway.tenant.resumed.v1': tenantResumed,
  'gateway.closure.requested.v1': closureRequested,
  'gateway.closure.withdrawn.v1': closureWithdrawn,
  'gateway.tenant.closed.v1': tenantClosed,
  'gateway.tenant-erasure.due.v1': tenantErasureDue,
  'gateway.administration.handed-over.v1': administrationHandedOver,
  'gateway.invitation.created.v1': invitationCreated,
  'gateway.invitation.renewed.v1': invitationRenewed,
  'gateway.invitation.withdrawn.v1': invitationWithdrawn,
} as const
