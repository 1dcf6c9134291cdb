import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import type { Service } from '../services.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

/** An event that waits in a service, as ids and metadata. The event itself never leaves. */
export const parkedEvent = z.object({
  eventId: uuid,
  tenantId: uuid,
  consumer: z.string(),
  topic: z.string(),
  /** `version:<type>`: a release that knows it; `person`: a person; else the key of what must come first */
  waitsFor: z.string(),
  parkedAt: instant,
  triedAt: instant,
})
export type ParkedEvent = z.infer<typeof parkedEvent>

const filter = {
  waitsFor: z.string().min(1).max(300).optional(),
  consumer: z.string().min(1).max(120).optional(),
  /** event type, in whatever lane it came */
  type: z.string().min(1).max(200).optional(),
  since: instant.optional(),
}

export function listParkedEvents<Name extends Service>(service: Name) {
  return operation({
    method: 'GET',
    path: `/v1/${service}/parked-events`,
    summary: `Lists events that wait in ${service} for another version or another event, newest first`,
    permission: 'platform:operate',
    callers: ['gateway'],
    query: z.object({ ...listQuery.shape, ...filter }),
    answers: { 200: listOf(parkedEvent) },
  })
}

export function releaseParkedEvent<Name extends Service>(service: Name) {
  return operation({
    method: 'POST',
    path: `/v1/${service}/parked-events/:consumer/:eventId/releases`,
    summary: `Has an event that waits in ${service} tried now; where it must wait on, it does`,
    permission: 'platform:operate',
    callers: ['gateway'],
    params: z.object({ consumer: z.string().max(120), eventId: uuid }),
    answers: { 202: parkedEvent },
    problems: ['resource-not-found'],
  })
}

export function parkedEventOperations(service: Service) {
  return [listParkedEvents(service), releaseParkedEvent(service)]
}
