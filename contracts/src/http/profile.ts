import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { partner } from '../events/ingest.ts'
import { listOf, listQuery } from './lists.ts'

/**
 * `id` is the subject id. Personal fields (`name`, `email`, `phone`) are there only for callers with
 * `profile:read-personal`, and left out where `?fields=basic` asks for that; null means: nobody has reported it.
 */
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

/** One person's part in one thing a partner reported; `details` depends on `kind`. */
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

/** `basic` leaves personal fields out: nothing is opened, and no reading is recorded. */
export const profileFields = z.enum(['all', 'basic']).default('all')

export const profileParams = z.object({ id: uuid })
export const profileQuery = z.object({ fields: profileFields })
export const profileListQuery = listQuery.extend({ fields: profileFields })
export const profileSearch = z.strictObject({ email: z.string().min(3).max(320) })
export const profileList = listOf(profile)
/** At most one profile: an address belongs to one person. */
export const profileSearchAnswer = z.object({ items: z.array(profile) })
export const activityList = listOf(activity)
