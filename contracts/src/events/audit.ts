import { z } from 'zod'
import { services, type Service } from '../services.ts'
import { deathReason, givenUp, payloadForm } from './dead-letter.ts'
import { uuid } from './envelope.ts'

/** A request to one service to give a dead letter once more to the handler that failed, and to no other. */
export const replay = z.object({
  ...givenUp.shape,
  deadLetterId: uuid,
  /** key in the inbox: id of the message, or what stands for it where it has none */
  eventId: uuid,
  form: payloadForm,
  payload: z.string(),
  /** `sub` of who asked for it */
  actorId: z.string().max(200),
})
export type Replay = z.infer<typeof replay>

export const replayOutcome = z.enum(['effective', 'already-effective', 'failed'])
export type ReplayOutcome = z.infer<typeof replayOutcome>

/** What became of a replay; caused by its request. The failure is null unless the outcome is `failed`. */
export const replaySettled = z.object({
  deadLetterId: uuid,
  consumer: z.string().max(120),
  outcome: replayOutcome,
  failure: z
    .object({
      reason: deathReason,
      code: z.string().max(100),
      attempts: z.number().int().min(0),
      fingerprint: z.string().max(100),
    })
    .nullable(),
})
export type ReplaySettled = z.infer<typeof replaySettled>

/** Somebody looked at a parked event and had it tried again before its time. */
export const parkedEventReleased = z.object({
  consumer: z.string().max(120),
  eventId: uuid,
  actorId: z.string().max(200),
})

/** An operator decided that a dead letter will never take effect. */
export const deadLetterDiscarded = z.object({
  service: z.enum(services),
  consumer: z.string().max(120),
  reason: z.string().max(300),
  actorId: z.string().max(200),
})

/**
 * The message of a dead letter that was sealed under a key of its own is not needed any more: it was discarded, took
 * effect, or its time is over. The key is named by the dead letter's id.
 */
export const deadLetterForgotten = z.object({ service: z.enum(services) })

/** An operator asked for the replay of all dead letters that fit; each of them is requested and told by itself. */
export const bulkReplayRequested = z.object({ actorId: z.string().max(200) })

/** Nothing of a bulk replay is left to do. `skipped`: not tried, because others failed the same way again. */
export const bulkReplayEnded = z.object({
  state: z.enum(['completed', 'stopped']),
  total: z.number().int().min(0),
  effective: z.number().int().min(0),
  failed: z.number().int().min(0),
  skipped: z.number().int().min(0),
})

const ofEach = <const Type extends string, Schema extends z.ZodType>(
  typeOf: (service: Service) => Type,
  schema: Schema,
): Record<Type, Schema> =>
  Object.fromEntries(services.map((service) => [typeOf(service), schema])) as Record<Type, Schema>

type OfEach<Name extends string> = Name extends `${infer Before}*${infer After}` ? `${Before}${Service}${After}` : never

/** What happens to dead letters and parked events: requests of `audit`, and the answers of every service. */
export const auditEvents = {
  ...ofEach((service): OfEach<'audit.replay.*.v1'> => `audit.replay.${service}.v1`, replay),
  'audit.dead-letter.discarded.v1': deadLetterDiscarded,
  'audit.dead-letter.forgotten.v1': deadLetterForgotten,
  'audit.bulk-replay.requested.v1': bulkReplayRequested,
  'audit.bulk-replay.ended.v1': bulkReplayEnded,
  ...ofEach((service): OfEach<'*.replay.settled.v1'> => `${service}.replay.settled.v1`, replaySettled),
  ...ofEach(
    (service): OfEach<'*.parked-event.released.v1'> => `${service}.parked-event.released.v1`,
    parkedEventReleased,
  ),
}
