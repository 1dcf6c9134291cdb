import { z } from 'zod'
import { instant, uuid } from './envelope.ts'
import { partner } from './ingest.ts'

/** The first report about a person has arrived. */
export const profileCreated = z.object({ subjectId: uuid })

/**
 * Something a profile shows is different now; only the names of what changed, never values.
 * `name email phone programmes`, or `activities` where a correction gave an activity to another person.
 */
export const profileChanged = z.object({ subjectId: uuid, fields: z.array(z.string().max(50)).max(20) })

/** Announced once for a new activity, and once for each report that changes what is known about it. */
export const activityRecorded = z.object({
  activityId: uuid,
  subjectId: uuid,
  kind: z.string().max(50),
  partner,
  role: z.string().max(30),
  occurredAt: instant,
  /** true where it replaces what an earlier report said */
  correction: z.boolean(),
})

/** Somebody has read the personal fields of a person. `count` is added to what was announced before for the quarter. */
export const recordRead = z.object({
  subjectId: uuid,
  actorId: z.string().max(200),
  /** start of the quarter of an hour that is counted */
  quarter: instant,
  count: z.number().int().min(1),
})

export const profileEvents = {
  'profile.profile.created.v1': profileCreated,
  'profile.profile.changed.v1': profileChanged,
  'profile.activity.recorded.v1': activityRecorded,
  'profile.record.read.v1': recordRead,
} as const
