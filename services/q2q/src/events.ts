import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import type { OutcomeScored, OutcomeWithheld } from '@csr/contracts/events/q2q'

/** What an event of this service says about itself; id and time come from the caller's ports. */
type About = { readonly id: string; readonly time: string; readonly tenantId: string; readonly causationId: string }

export function outcomeScored(about: About, data: OutcomeScored): EventOf<'q2q.outcome.scored.v1'> {
  return createEvent('q2q.outcome.scored.v1', { ...about, subject: data.subjectId }, data)
}

export function outcomeWithheld(about: About, data: OutcomeWithheld): EventOf<'q2q.outcome.withheld.v1'> {
  return createEvent('q2q.outcome.withheld.v1', { ...about, subject: data.subjectId }, data)
}
