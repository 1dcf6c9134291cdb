import { z } from 'zod'
import { services, type Service } from '../services.ts'
import { instant } from './envelope.ts'

/** A message a consumer gave up on, published through the outbox of the service that gave up. */
export const deadLetter = z.object({
  consumer: z.string().max(120),
  topic: z.string().max(200),
  stream: z.string().max(60),
  epoch: z.string().max(60),
  sequence: z.number().int().min(0),
  /** id of the message that failed; null where it could not be read */
  eventId: z.string().max(100).nullable(),
  reason: z.enum(['exhausted', 'never-ended', 'undecodable', 'unprocessable', 'too-old']),
  code: z.string().max(100),
  attempts: z.number().int().min(0),
  firstAt: instant,
  lastAt: instant,
  traceparent: z.string().max(100).nullable(),
  /** groups entries that failed the same way */
  fingerprint: z.string().max(100),
  /** byte for byte as received: sealed stays sealed */
  payload: z.string(),
})
export type DeadLetter = z.infer<typeof deadLetter>

export const deadLetterEvents = Object.fromEntries(
  services.map((service) => [`dead-letter.${service}.v1`, deadLetter]),
) as Record<`dead-letter.${Service}.v1`, typeof deadLetter>
