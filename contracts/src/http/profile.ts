import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { partner } from '../events/ingest.ts'
import { listOf } from './lists.ts'

/** Personal fields (`name`, `email`, `phone`) are there only for callers with `profile:read-personal`. */
export const profile = z.object({
  id: uuid,
  name: z.string().nullable().optional(),
  email: z.string().nullable().optional(),
  phone: z.string().nullable().optional(),
  programmes: z.array(z.object({ id: uuid, name: z.string() })),
  createdAt: instant,
  changedAt: instant,
})
export type Profile = z.infer<typeof profile>

export const activity = z.object({
  id: uuid,
  kind: z.string(),
  partner,
  sourceId: z.string(),
  role: z.string(),
  occurredAt: instant,
  details: z.record(z.string(), z.unknown()),
})
export type Activity = z.infer<typeof activity>

export const profileParams = z.object({ id: uuid })
export const profileSearch = z.strictObject({ email: z.string().min(3).max(320) })
export const profileList = listOf(profile)
export const activityList = listOf(activity)
