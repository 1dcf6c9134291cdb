import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import type { Service } from '../services.ts'
import { operation } from './operation.ts'

/** What a service knows of a stream it publishes into. */
export const relayedStream = z.object({
  stream: z.string(),
  /** which incarnation of the stream its events are in */
  epoch: z.string(),
  /** the highest place in it that is on record */
  lastSequence: z.number().int().min(0),
  /** all consumers have taken everything up to here; null while that is not known */
  lowWater: z.number().int().min(0).nullable(),
  lastLoss: z
    .object({
      at: instant,
      /** what gave it away */
      sign: z.enum(['epoch', 'end', 'other-row', 'hole']),
      /** events that were sent again */
      count: z.number().int().min(0),
    })
    .nullable(),
})

export const outboxStatus = z.object({
  service: z.string(),
  /** events that no stream has stored yet, counted up to 100,000 */
  unsent: z.number().int().min(0),
  oldestSeconds: z.number().min(0).nullable(),
  streams: z.array(relayedStream),
})
export type OutboxStatus = z.infer<typeof outboxStatus>

export const outboxReplayRequest = z.strictObject({
  /** events since this moment; all that are kept unless told */
  since: instant.nullable().default(null),
  /** events of this type, such as `ingest.session.completed.v1` */
  type: z
    .string()
    .max(200)
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+){2,4}$/)
    .nullable()
    .default(null),
  /** counts and changes nothing */
  dryRun: z.boolean().default(false),
  /** `next` of the page before */
  after: uuid.nullable().default(null),
})
export type OutboxReplayRequest = z.infer<typeof outboxReplayRequest>

export const outboxReplayPage = z.object({
  /** events of this page that are sent again */
  count: z.number().int().min(0),
  /** null on the last page */
  next: uuid.nullable(),
})
export type OutboxReplayPage = z.infer<typeof outboxReplayPage>

/** How far a service has sent what it committed. */
export function getOutbox<Name extends Service>(service: Name) {
  return operation({
    method: 'GET',
    path: `/v1/${service}/outbox`,
    summary: `What ${service} has committed and not sent, and what its streams lost last`,
    permission: 'platform:operate',
    callers: ['gateway'],
    answers: { 200: outboxStatus },
  })
}

/** Sends again what was sent before, a page of the outbox per call. */
export function createOutboxReplay<Name extends Service>(service: Name) {
  return operation({
    method: 'POST',
    path: `/v1/${service}/outbox/replays`,
    summary: `Sends events of ${service} again; what took effect before does not take effect again`,
    permission: 'platform:operate',
    callers: ['gateway'],
    body: outboxReplayRequest,
    answers: { 200: outboxReplayPage },
  })
}

export function outboxOperations(service: Service) {
  return [getOutbox(service), createOutboxReplay(service)]
}
