import { z } from 'zod'
import { propertyNamesOf, reportedEmail, reportedInstant, reportedTime, sourceId } from './fields.ts'

/** Somebody who learns: an e-mail, the provider's id, or both. */
const learner = z
  .object({
    external_id: sourceId.nullish(),
    email: reportedEmail.nullish(),
    first_name: z.string().max(100).nullish(),
    last_name: z.string().max(100).nullish(),
  })
  .refine((user) => Boolean(user.email) || Boolean(user.external_id), 'Expected an email or an external_id')

export const ecornellCourse = z.object({
  event_type: z.literal('course.completed'),
  event_id: sourceId,
  timestamp: reportedInstant,
  user: learner,
  course: z.object({
    course_id: sourceId,
    course_name: z.string().min(1).max(300),
    course_url: z
      .url({ protocol: /^https?$/ })
      .max(2_000)
      .nullish(),
  }),
  progress: z
    .object({
      status: z.literal('completed').nullish(),
      percent_complete: z.number().min(0).max(100).nullish(),
      started_at: reportedTime.nullish(),
      completed_at: reportedTime.nullish(),
    })
    .nullish(),
  certificate: z
    .object({
      certificate_id: z.string().max(200).nullish(),
      certificate_url: z.string().max(2_000).nullish(),
      issued_at: reportedTime.nullish(),
    })
    .nullish(),
})
export type EcornellCourse = z.infer<typeof ecornellCourse>

/** The body of an eCornell webhook. */
export const ecornellWebhook = z.discriminatedUnion('event_type', [ecornellCourse])
export type EcornellWebhook = z.infer<typeof ecornellWebhook>

export const ecornellPropertyNames = propertyNamesOf(ecornellWebhook)
