import { z } from 'zod'
import { services, type Service } from '../services.ts'
import { instant } from './envelope.ts'

/** Why a message was given up. */
export const deathReason = z.enum(['exhausted', 'never-ended', 'undecodable', 'unprocessable', 'too-old'])
export type DeathReason = z.infer<typeof deathReason>

/**
 * In which form a dead letter keeps the message. `received`: byte for byte, so that what was sealed stays sealed.
 * `sealed`: nobody could read it, so it may hold anything and is sealed under a key of its own. `left`: it could not be
 * sealed either and stays where it was received only, in its stream.
 */
export const payloadForm = z.enum(['received', 'sealed', 'left'])
export type PayloadForm = z.infer<typeof payloadForm>

/** Where and by whom a message was given up. */
export const givenUp = z.object({
  consumer: z.string().max(120),
  topic: z.string().max(200),
  stream: z.string().max(60),
  epoch: z.string().max(60),
  sequence: z.number().int().min(0),
  traceparent: z.string().max(100).nullable(),
})

/** A message a consumer gave up on, published through the outbox of the service that gave up. */
export const deadLetter = z.object({
  ...givenUp.shape,
  /** id of the message that failed; null where it could not be read */
  eventId: z.string().max(100).nullable(),
  reason: deathReason,
  code: z.string().max(100),
  attempts: z.number().int().min(0),
  firstAt: instant,
  lastAt: instant,
  /** groups entries that failed the same way */
  fingerprint: z.string().max(100),
  form: payloadForm.default('received'),
  /** of the message as it was received */
  bytes: z.number().int().min(0).default(0),
  payload: z.string(),
})
export type DeadLetter = z.infer<typeof deadLetter>

export const deadLetterEvents = Object.fromEntries(
  services.map((service) => [`dead-letter.${service}.v1`, deadLetter]),
) as Record<`dead-letter.${Service}.v1`, typeof deadLetter>
