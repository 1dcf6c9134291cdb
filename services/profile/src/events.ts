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
  if (fact.fact === 'profile-created') return profileCreated(fact, tenantId, stamp)
  if (fact.fact === 'profile-changed') return profileChanged(fact, tenantId, stamp)
  return activityRecorded(fact, tenantId, stamp)
}

type FactOf<Name extends Fact['fact']> = Extract<Fact, { fact: Name }>

function profileCreated(
  { causedBy, subjectId }: FactOf<'profile-created'>,
  tenantId: string,
  stamp: Stamp,
): ProfileEvent {
  const about = { ...stamp(), tenantId, subject: subjectId, causationId: causedBy }
  return createEvent('profile.profile.created.v1', about, { subjectId })
}

function profileChanged(fact: FactOf<'profile-changed'>, tenantId: string, stamp: Stamp): ProfileEvent {
  const { causedBy, subjectId, fields } = fact
  const about = { ...stamp(), tenantId, subject: subjectId, causationId: causedBy }
  return createEvent('profile.profile.changed.v1', about, { subjectId, fields: [...fields] })
}

function activityRecorded(fact: FactOf<'activity-recorded'>, tenantId: string, stamp: Stamp): ProfileEvent {
  const { id: activityId, subjectId, kind, partner, role, occurredAt } = fact.activity
  const about = { ...stamp(), tenantId, subject: subjectId, causationId: fact.causedBy }
  const data = { activityId, subjectId, kind, partner, role, occurredAt, correction: fact.correction }
  return createEvent('profile.activity.recorded.v1', about, data)
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
