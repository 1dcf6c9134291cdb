import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import type { ReviewRequested, TextScreened } from '@csr/contracts/events/safety'

/** What an event of this service says about itself; id and time come from the caller's ports. */
type About = { readonly id: string; readonly time: string; readonly tenantId: string; readonly causationId: string }

/** Published once per screened text, whatever the verdict. */
export function textScreened(about: About, data: TextScreened): EventOf<'safety.text.screened.v1'> {
  return createEvent('safety.text.screened.v1', { ...about, subject: data.authorId }, data)
}

/** Published where a person has to decide. */
export function reviewRequested(about: About, data: ReviewRequested): EventOf<'safety.review.requested.v1'> {
  return createEvent('safety.review.requested.v1', { ...about, subject: data.authorId }, data)
}
