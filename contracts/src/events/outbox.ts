import { z } from 'zod'
import { services, type Service } from '../services.ts'
import { instant } from './envelope.ts'

/** Somebody had events of a service sent again; told before they leave, one record per page of the outbox. */
export const outboxReplayed = z.object({
  actorId: z.string().max(200),
  /** events since this moment; null: all that are kept */
  since: instant.nullable(),
  /** events of this type; null: of all */
  eventType: z.string().max(200).nullable(),
  count: z.number().int().min(1),
})

export const outboxEvents = Object.fromEntries(
  services.map((service) => [`${service}.outbox.replayed.v1`, outboxReplayed]),
) as Record<`${Service}.outbox.replayed.v1`, typeof outboxReplayed>
