import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { partner } from '../events/ingest.ts'
import { outcomeScores } from '../events/q2q.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

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

/** One person's part in one thing a partner reported; `details` depends on `kind`, `outcome` is of the text it came with. */
export const activity = z.object({
  id: uuid,
  kind: z.string(),
  partner,
  sourceId: z.string(),
  role: z.string(),
  occurredAt: instant,
  details: z.record(z.string(), z.unknown()),
  outcome: z.object({ id: uuid, scores: outcomeScores }).nullable(),
})
export type Activity = z.infer<typeof activity>

/** `basic` leaves personal fields out: nothing is opened, and no reading is recorded. */
const fields = z.enum(['all', 'basic']).default('all')

const idParams = z.object({ id: uuid })

export const getProfile = operation({
  method: 'GET',
  path: '/v1/profiles/:id',
  summary: 'One person; personal fields only for those who may read them',
  permission: 'profile:read',
  params: idParams,
  query: z.object({ fields }),
  answers: { 200: profile },
  problems: ['resource-not-found'],
})

export const listProfiles = operation({
  method: 'GET',
  path: '/v1/profiles',
  summary: 'Lists the people of the tenant, newest first',
  permission: 'profile:read',
  query: listQuery.extend({ fields }),
  answers: { 200: listOf(profile) },
})

export const searchProfiles = operation({
  method: 'POST',
  path: '/v1/profiles/searches',
  summary: 'Finds the person with an e-mail address; at most one',
  changesNothing: true,
  permission: 'profile:read-personal',
  body: z.strictObject({ email: z.string().trim().min(3).max(320) }),
  answers: { 200: z.object({ items: z.array(profile) }) },
})

export const listActivities = operation({
  method: 'GET',
  path: '/v1/profiles/:id/activities',
  summary: 'What a person took part in, newest first',
  permission: 'profile:read',
  params: idParams,
  query: listQuery,
  answers: { 200: listOf(activity) },
  problems: ['resource-not-found'],
})

export const profileOperations = [getProfile, listProfiles, searchProfiles, listActivities]
