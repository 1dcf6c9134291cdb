import { z } from 'zod'
import { instant, sealedText, uuid } from './envelope.ts'

export const purpose = z.enum(['programme_delivery', 'impact_measurement', 'ai_scoring', 'research', 'marketing'])
export type Purpose = z.infer<typeof purpose>

/** A person's decision about one purpose, with the version of the notice they saw. */
export const consentDecided = z.object({
  subjectId: uuid,
  purpose,
  notice: z.string().max(50),
  decidedAt: instant,
  /** `sub` of who recorded it: the person, or staff who act for them */
  actorId: z.string().max(200),
})
export type ConsentDecided = z.infer<typeof consentDecided>

/** Every service answers with its own `<service>.export.contributed.v1`. */
export const exportRequested = z.object({
  exportId: uuid,
  subjectId: uuid,
  actorId: z.string().max(200),
  dueAt: instant,
})
export type ExportRequested = z.infer<typeof exportRequested>

const exportPart = {
  exportId: uuid,
  subjectId: uuid,
  part: z.number().int().min(1),
  parts: z.number().int().min(1),
}

/**
 * One part of what a service holds about a person (see `export-parts.ts`), sealed for the subject. A service that holds
 * nothing answers with one part that says so.
 */
export const exportContributed = z.object({ ...exportPart, content: sealedText })
export type ExportContributed = z.infer<typeof exportContributed>

/** The same of a service that has no keys, because it holds ids, times and names only. */
export const exportContributedOpen = z.object({ ...exportPart, content: z.string().max(70_000) })
export type ExportContributedOpen = z.infer<typeof exportContributedOpen>

export const exportReady = z.object({ exportId: uuid, subjectId: uuid })

/** Every key of a tenant is destroyed; how many this time. */
export const tenantErased = z.object({ tenantId: uuid, keys: z.number().int().min(0) })

export const privacyEvents = {
  'privacy.consent.given.v1': consentDecided,
  'privacy.consent.withdrawn.v1': consentDecided,
  'privacy.export.requested.v1': exportRequested,
  'privacy.export.ready.v1': exportReady,
  'privacy.tenant.erased.v1': tenantErased,
  'ingest.export.contributed.v1': exportContributed,
  'profile.export.contributed.v1': exportContributed,
  'safety.export.contributed.v1': exportContributed,
  'q2q.export.contributed.v1': exportContributed,
  'gateway.export.contributed.v1': exportContributedOpen,
  'audit.export.contributed.v1': exportContributedOpen,
} as const
