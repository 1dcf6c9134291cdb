import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import type { Fact } from './domain/profile.ts'

/** Id and time of a new event, from the ports of the caller. */
export type Stamp = () => { readonly id: string; readonly time: string }

export type ProfileEvent = EventOf<
  | 'profile.profile.created.v1'
  | 'profile.profile.changed.v1'
  | 'profile.activity.recorded.v1'
  | 'profile.record.read.v1'
>

/** The event that announces a fact. */
export function announce(fact: Fact, tenantId: string, stamp: Stamp): ProfileEvent {
  const about = { ...stamp(), tenantId, causationId: fact.causedBy }
  switch (fact.fact) {
    case 'profile-created': {
      const { subjectId } = fact
      return createEvent('profile.profile.created.v1', { ...about, subject: subjectId }, { subjectId })
    }
    case 'profile-changed': {
      const { subjectId, fields } = fact
      return createEvent(
        'profile.profile.changed.v1',
        { ...about, subject: subjectId },
        { subjectId, fields: [...fields] },
      )
    }
    case 'activity-recorded': {
      const { id: activityId, subjectId, kind, partner, role, occurredAt } = fact.activity
      const data = { activityId, subjectId, kind, partner, role, occurredAt, correction: fact.correction }
      return createEvent('profile.activity.recorded.v1', { ...about, subject: subjectId }, data)
    }
  }
}

/** How often somebody has read the personal fields of a person, on top of what was announced for the quarter. */
export type Reading = {
  readonly tenantId: string
  readonly actorId: string
  readonly subjectId: string
  readonly quarter: string
}

export function recordRead(reading: Reading, count: number, causationId: string, stamp: Stamp): ProfileEvent {
  const { tenantId, actorId, subjectId, quarter } = reading
  const about = { ...stamp(), tenantId, subject: subjectId, causationId }
  return createEvent('profile.record.read.v1', about, { subjectId, actorId, quarter, count })
}
