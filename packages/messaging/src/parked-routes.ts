import { createEvent } from '@csr/contracts/events/create-event'
import { listParkedEvents, releaseParkedEvent, type ParkedEvent } from '@csr/contracts/http/parked-events'
import { pageOf, positionOf } from '@csr/http/list-page'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Statement } from '@csr/postgres/statement'
import type { Consumers } from './consume.ts'
import type { Ports } from './open-ports.ts'
import { insertEvents } from './outbox.ts'
import { parkedOf } from './parked.ts'

type RoutePorts = Pick<Ports, 'service' | 'postgres' | 'relay' | 'clock' | 'stamp'>

/** The two operations on parked events that every service answers to whoever operates the platform. */
export function parkedRoutes(ports: RoutePorts, consumers: Pick<Consumers, 'tryParked'>): Route[] {
  const { service, postgres } = ports
  const table = parkedOf(service)
  return [
    route({
      ...listParkedEvents(service),
      async handle({ query: { cursor, limit, ...filter } }) {
        const page = { after: positionOf(cursor), limit: limit + 1 }
        const [rows] = await postgres.worker([table.list(filter, page)])
        return { status: 200, body: pageOf(rows, limit, ({ parkedAt, eventId }) => ({ at: parkedAt, id: eventId })) }
      },
    }),
    route({
      ...releaseParkedEvent(service),
      async handle({ params: { consumer, eventId }, principal, requestId, once }) {
        const keep: Act['keep'] = (body) => once.keep({ status: 202, body })
        const found = await release(ports, consumers, {
          consumer,
          eventId,
          actorId: principal.actorId,
          requestId,
          keep,
        })
        if (found === null) throw new ProblemError('resource-not-found')
        return { status: 202, body: found }
      },
    }),
  ]
}

type Act = {
  readonly consumer: string
  readonly eventId: string
  readonly actorId: string
  readonly requestId: string
  /** statements that keep the answer */
  readonly keep: (listed: ParkedEvent) => Promise<readonly Statement[]>
}

/**
 * Marks the event as tried now and tells of it in one transaction; then it is tried in this process. A process that dies in
 * between leaves it to the look of every minute.
 */
async function release(
  { service, postgres, relay, clock, stamp }: RoutePorts,
  consumers: Pick<Consumers, 'tryParked'>,
  { consumer, eventId, actorId, requestId, keep }: Act,
): Promise<ParkedEvent | null> {
  const table = parkedOf(service)
  const [[listed]] = await postgres.worker([table.find(consumer, eventId)])
  if (!listed) return null
  const { tenantId } = listed
  const about = { ...stamp(), tenantId, subject: eventId, causationId: requestId }
  const told = createEvent(`${service}.parked-event.released.v1`, about, { consumer, eventId, actorId })
  const [[row]] = await postgres.group(tenantId, [
    table.take(consumer, eventId, clock.now()),
    insertEvents(service, [told]),
    ...(await keep(listed)),
  ])
  relay.wake()
  if (row) consumers.tryParked(consumer, row)
  return listed
}
