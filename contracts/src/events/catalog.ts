import type { z } from 'zod'
import { services, type Service } from '../services.ts'
import { auditEvents } from './audit.ts'
import { deadLetterEvents } from './dead-letter.ts'
import type { Event } from './envelope.ts'
import { gatewayEvents } from './gateway.ts'
import { ingestEvents } from './ingest.ts'
import { outboxEvents } from './outbox.ts'
import { privacyEvents } from './privacy.ts'
import { profileEvents } from './profile.ts'
import { q2qEvents } from './q2q.ts'
import { safetyEvents } from './safety.ts'

/** Every event type with the schema of its data. The first word of a type is its owner. */
export const catalog = {
  ...ingestEvents,
  ...profileEvents,
  ...safetyEvents,
  ...q2qEvents,
  ...privacyEvents,
  ...gatewayEvents,
  ...auditEvents,
  ...deadLetterEvents,
  ...outboxEvents,
} as const

export type EventType = keyof typeof catalog
export type DataOf<Type extends EventType> = z.output<(typeof catalog)[Type]>
export type EventOf<Type extends EventType> = Type extends EventType ? Event<Type, DataOf<Type>> : never

/** An event type without its version: what a durable filters on, in all versions. */
export type EventName = EventType extends infer T ? (T extends `${infer Name}.v${number}` ? Name : never) : never

/** The service that may publish this type. */
export function ownerOf(type: EventType): Service {
  const [first = '', second = ''] = type.split('.')
  const owner = first === 'dead-letter' ? second : first
  const service = services.find((name) => name === owner)
  if (!service) throw new Error(`${type} names no service`)
  return service
}

/** All known versions of an event, oldest first. */
export function versionsOf(name: EventName): EventType[] {
  const version = (type: EventType): number => Number(type.slice(type.lastIndexOf('.v') + 2))
  return (Object.keys(catalog) as EventType[])
    .filter((type) => type.replace(/\.v\d+$/, '') === name)
    .toSorted((one, other) => version(one) - version(other))
}
