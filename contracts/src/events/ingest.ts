import { z } from 'zod'
import { instant, sealedText, uuid } from './envelope.ts'

export const partner = z.enum(['kintell', 'buddy', 'upskilling'])
export type Partner = z.infer<typeof partner>

/** A person in a report: an opaque id, the id of this person's activity, and sealed fields under that person's key. */
export const reportedPerson = z.object({
  subjectId: uuid,
  activityId: uuid,
  role: z.enum(['participant', 'volunteer', 'mentor', 'buddy', 'learner', 'attendee']),
  email: sealedText.nullable(),
  name: sealedText.nullable(),
  phone: sealedText.nullable(),
  externalId: sealedText.nullable(),
})
export type ReportedPerson = z.infer<typeof reportedPerson>

/** Free text inside a report, sealed for its author; `activityId` is the author's activity. */
export const reportedText = z.object({ authorId: uuid, activityId: uuid, sealed: sealedText })

/** What every partner report has in common. */
const report = {
  /** the webhook delivery, or the import, this came with */
  deliveryId: uuid,
  partner,
  sourceId: z.string().min(1).max(200),
  /** the partner's timestamp: of two reports with one source id the later wins */
  reportedAt: instant,
  occurredAt: instant,
  precision: z.enum(['instant', 'day']),
  programme: z.string().min(1).max(200).nullable(),
  people: z.array(reportedPerson).min(1).max(200),
  rating: z.number().min(0).max(1).nullable(),
  text: reportedText.nullable(),
}

export const sessionCompleted = z.object({
  ...report,
  sessionType: z.enum(['language', 'mentorship']),
  scheduledAt: instant,
  completedAt: instant.nullable(),
  durationMinutes: z.number().int().min(1).max(480).nullable(),
  languageLevel: z.enum(['A1', 'A2', 'B1', 'B2', 'C1', 'C2']).nullable(),
  topics: z.array(z.string().max(100)).max(50),
})
export type SessionCompleted = z.infer<typeof sessionCompleted>

/** Feedback or a rating of its own: by one person, about a session or match that may come later or never. */
export const feedbackSubmitted = z.object({
  ...report,
  /** the kind of its activity */
  kind: z.enum(['rating.created', 'feedback.submitted']),
  fromRole: z.enum(['participant', 'volunteer', 'buddy']),
  about: z.object({ kind: z.enum(['session', 'match']), sourceId: z.string().min(1).max(200) }),
})
export type FeedbackSubmitted = z.infer<typeof feedbackSubmitted>

/** One person finished one course. `sourceId` stands for (person, provider, course, status). */
export const courseCompleted = z.object({
  ...report,
  provider: z.string().min(1).max(100),
  course: z.object({
    id: z.string().min(1).max(200),
    name: z.string().max(300),
    url: z.string().max(2_000).nullable(),
  }),
  startedAt: instant.nullable(),
  completedAt: instant.nullable(),
  percentComplete: z.number().min(0).max(100).nullable(),
  /** 0 to 100 */
  score: z.number().min(0).max(100).nullable(),
  /** when a certificate was issued for it, if one was */
  certificateIssuedAt: instant.nullable(),
})
export type CourseCompleted = z.infer<typeof courseCompleted>

/** Two people were brought together. `sourceId` is the partner's id, or stands for (participant, buddy, day). */
export const matchCreated = z.object({
  ...report,
  status: z.enum(['active', 'inactive', 'ended']),
  language: z.string().max(100).nullable(),
})
export type MatchCreated = z.infer<typeof matchCreated>

/** A whole file was worked off; the counts add up to `total`. */
export const importCompleted = z.object({
  importId: uuid,
  schema: z.string().max(60),
  total: z.number().int().min(0),
  accepted: z.number().int().min(0),
  duplicate: z.number().int().min(0),
  quarantined: z.number().int().min(0),
})
export type ImportCompleted = z.infer<typeof importCompleted>

/** A request or delivery that was refused; recorded one by one up to ten per minute and client, then counted. */
export const deliveryRefused = z.object({
  partner,
  endpointId: uuid.nullable(),
  reason: z.enum(['signature-invalid', 'same-id-other-bytes']),
  count: z.number().int().min(1),
})
export type DeliveryRefused = z.infer<typeof deliveryRefused>

/** A signed delivery nobody could translate: kept sealed, with its reasons, until somebody mends it or its time is over. */
export const deliveryQuarantined = z.object({
  deliveryId: uuid,
  endpointId: uuid,
  partner,
  reasons: z.number().int().min(1),
})
export type DeliveryQuarantined = z.infer<typeof deliveryQuarantined>

export const endpointCreated = z.object({ endpointId: uuid, partner, actorId: z.string().max(200) })
export type EndpointCreated = z.infer<typeof endpointCreated>

export const ingestEvents = {
  'ingest.session.completed.v1': sessionCompleted,
  'ingest.feedback.submitted.v1': feedbackSubmitted,
  'ingest.course.completed.v1': courseCompleted,
  'ingest.match.created.v1': matchCreated,
  'ingest.import.completed.v1': importCompleted,
  'ingest.delivery.refused.v1': deliveryRefused,
  'ingest.delivery.quarantined.v1': deliveryQuarantined,
  'ingest.endpoint.created.v1': endpointCreated,
} as const
