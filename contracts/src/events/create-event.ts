import { ownerOf, type DataOf, type EventOf, type EventType } from './catalog.ts'

/** What an event says about itself; ids and times come from the caller's ports. */
export type About = {
  /** UUIDv7 */
  readonly id: string
  /** RFC 3339, UTC */
  readonly time: string
  readonly tenantId: string
  /** id of the person or thing the event is about */
  readonly subject: string
  /** id of the event, delivery or request that caused it */
  readonly causationId: string
}

/** A CloudEvents 1.0 envelope around `data`, published by the service that owns the type. */
export function createEvent<Type extends EventType>(type: Type, about: About, data: DataOf<Type>): EventOf<Type> {
  const event = {
    specversion: '1.0',
    id: about.id,
    source: `/services/${ownerOf(type)}`,
    type,
    time: about.time,
    subject: about.subject,
    dataschema: `/events/${type}.schema.json`,
    datacontenttype: 'application/json',
    tenantid: about.tenantId,
    causationid: about.causationId,
    data,
  } as const
  return event as unknown as EventOf<Type>
}
