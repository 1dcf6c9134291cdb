import type { EventName } from './events/catalog.ts'
import { services, type Service } from './services.ts'
import { bulkPrefix, streams } from './streams.ts'

/** An event by name (all versions), or everything that is published. */
export type Consumption = EventName | '*'

/**
 * Who consumes what. Durables and the servers' allow-lists follow from this table and from nothing else. Beside these,
 * every service hears requests to replay what it gave up on.
 */
export const consumptions: Readonly<Record<Service, readonly Consumption[]>> = {
  gateway: ['privacy.export.requested'],
  profile: [
    'ingest.session.completed',
    'ingest.match.created',
    'ingest.feedback.submitted',
    'ingest.course.completed',
    'q2q.outcome.scored',
    'q2q.outcome.withheld',
    'privacy.export.requested',
  ],
  ingest: ['privacy.export.requested', 'gateway.tenant.closed'],
  q2q: ['safety.text.screened', 'privacy.export.requested'],
  safety: ['ingest.session.completed', 'ingest.feedback.submitted', 'privacy.export.requested'],
  privacy: [
    ...['gateway', 'profile', 'ingest', 'q2q', 'safety', 'audit'].map(
      (service) => `${service}.export.contributed` as EventName,
    ),
    'gateway.tenant-erasure.due',
    'audit.dead-letter.forgotten',
  ],
  audit: ['*', 'privacy.export.requested'],
}

/** The requests to replay what a service gave up on. */
export function replaysOf<Name extends Service>(service: Name): `audit.replay.${Name}` {
  return `audit.replay.${service}`
}

/**
 * One durable pull consumer. Its filter covers all versions of its event from the first day: a filter widened later
 * silently skips what lies behind its position. Renaming a durable loses its position.
 */
export type Durable = {
  readonly service: Service
  readonly event: Consumption
  readonly stream: string
  /** unique inside its stream */
  readonly name: string
  /** the name in the inbox: the same for the live and the bulk lane, so that an event counts once whichever way it came */
  readonly consumer: string
  readonly filter: string
}

/** The base name of a durable: `<service>-on-<noun>-<past-verb>`, or `<service>-on-any-event`. */
export function consumerName(service: Service, event: Consumption): string {
  if (event === '*') return `${service}-on-any-event`
  const words = event.split('.')
  return `${service}-on-${(words[0] === 'dead-letter' ? words : words.slice(1)).join('-')}`
}

/** The durables of one service, one per consumed event and stream that can carry it. */
export function durablesOf(service: Service): Durable[] {
  return [...consumptions[service], replaysOf(service)].flatMap((event) => {
    const consumer = consumerName(service, event)
    return streamsCarrying(event).map(({ name: stream, subjects }): Durable => {
      const bulk = subjects.some((subject) => subject.startsWith(bulkPrefix))
      const filter = event === '*' ? (subjects[0] ?? '') : `${bulk ? bulkPrefix : ''}${event}.*`
      return { service, event, stream, name: bulk ? `${consumer}-bulk` : consumer, consumer, filter }
    })
  })
}

/** All durables of all services: what the keeper creates. */
export const durables: readonly Durable[] = services.flatMap(durablesOf)

function streamsCarrying(event: Consumption) {
  if (event === '*') return streams
  return streams.filter(({ subjects }) =>
    subjects.some((subject) => {
      const prefix = subject.slice(0, -'>'.length)
      return event.startsWith(prefix) || `${bulkPrefix}${event}`.startsWith(prefix)
    }),
  )
}
