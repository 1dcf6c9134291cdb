import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import type { ConsentDecided } from '@csr/contracts/events/privacy'

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
