import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import type { ConsentDecided, ExportRequested } from '@csr/contracts/events/privacy'

/** What an event of this service says about itself; id and time come from the caller's ports. */
type About = { readonly id: string; readonly time: string; readonly tenantId: string; readonly causationId: string }

/** Announces a decision about one purpose. */
export function consentDecided(
  about: About,
  allowed: boolean,
  data: ConsentDecided,
): EventOf<'privacy.consent.given.v1' | 'privacy.consent.withdrawn.v1'> {
  const type = allowed ? 'privacy.consent.given.v1' : 'privacy.consent.withdrawn.v1'
  return createEvent(type, { ...about, subject: data.subjectId }, data)
}

/** Asks every service for what it holds about a person. */
export function exportRequested(about: About, data: ExportRequested): EventOf<'privacy.export.requested.v1'> {
  return createEvent('privacy.export.requested.v1', { ...about, subject: data.subjectId }, data)
}

/** Announces that all parts are there. */
export function exportReady(
  about: About,
  data: { exportId: string; subjectId: string },
): EventOf<'privacy.export.ready.v1'> {
  return createEvent('privacy.export.ready.v1', { ...about, subject: data.subjectId }, data)
}

/** Id and time of a new event. */
export type Stamp = { readonly id: string; readonly time: string }

/** Announces that nothing of a tenant can be read any more. */
export function tenantErased(
  { tenantId, keys, causationId }: { tenantId: string; keys: number; causationId: string },
  stamp: Stamp,
): EventOf<'privacy.tenant.erased.v1'> {
  return createEvent(
    'privacy.tenant.erased.v1',
    { ...stamp, tenantId, subject: tenantId, causationId },
    { tenantId, keys },
  )
}
