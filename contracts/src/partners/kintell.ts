import { z } from 'zod'

const person = z.object({
  email: z.email().max(320),
  name: z.string().max(200).nullish(),
  phone: z.string().max(50).nullish(),
  externalId: z.string().max(200).nullish(),
})

const when = z.iso.datetime({ offset: true })

export const kintellSession = z.object({
  sessionId: z.string().min(1).max(200),
  sessionType: z.enum(['language', 'mentorship']),
  participant: person,
  volunteer: person,
  scheduledAt: when,
  completedAt: when.nullish(),
  durationMinutes: z.int().min(1).max(480).nullish(),
  rating: z.number().min(0).max(1).nullish(),
  feedbackText: z.string().max(5_000).nullish(),
  languageLevel: z.enum(['A1', 'A2', 'B1', 'B2', 'C1', 'C2']).nullish(),
  topics: z.array(z.string().max(100)).max(50).nullish(),
  programme: z.string().min(1).max(200).nullish(),
})
export type KintellSession = z.infer<typeof kintellSession>

/** The body of a Kintell webhook (the Standard Webhooks body). */
export const kintellWebhook = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session.completed'), timestamp: when, data: kintellSession }),
])
export type KintellWebhook = z.infer<typeof kintellWebhook>
