import { z } from 'zod'
import { uuid } from '../events/envelope.ts'

export const webhookOutcome = z.enum(['accepted', 'duplicate', 'quarantined'])

/** 202 to a webhook, after the commit. For a duplicate `deliveryId` is the first delivery's. */
export const webhookAnswer = z.object({ deliveryId: uuid, outcome: webhookOutcome })
export type WebhookAnswer = z.infer<typeof webhookAnswer>
