import { z } from 'zod'
import { replayOutcome } from '../events/audit.ts'
import { deathReason, payloadForm } from '../events/dead-letter.ts'
import { instant, uuid } from '../events/envelope.ts'
import { services } from '../services.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

/** `replayed`: asked for, not answered yet. `resolved`: it is effective. A replay that fails makes it `open` again. */
export const deadLetterState = z.enum(['open', 'replayed', 'resolved', 'discarded'])
export type DeadLetterState = z.infer<typeof deadLetterState>

/** Metadata of one message a consumer gave up on. The message itself never leaves. */
export const deadLetterEntry = z.object({
  id: uuid,
  tenantId: uuid,
  service: z.string(),
  consumer: z.string(),
  topic: z.string(),
  stream: z.string(),
  sequence: z.number().int(),
  eventId: z.string().nullable(),
  reason: z.string(),
  code: z.string(),
  /** tries that failed, those of replays included */
  attempts: z.number().int(),
  replays: z.number().int(),
  fingerprint: z.string(),
  state: deadLetterState,
  form: payloadForm,
  bytes: z.number().int(),
  traceparent: z.string().nullable(),
  firstAt: instant,
  lastAt: instant,
})
export type DeadLetterEntry = z.infer<typeof deadLetterEntry>

/** What somebody did to an entry. A replay that was planned and not carried out yet has no `sentAt`. */
export const deadLetterAct = z.object({
  id: uuid,
  kind: z.enum(['replay', 'discard']),
  actorId: z.string(),
  at: instant,
  sentAt: instant.nullable(),
  /** the bulk replay it belongs to */
  bulkId: uuid.nullable(),
  /** why it was discarded */
  reason: z.string().nullable(),
  outcome: z.enum([...replayOutcome.options, 'skipped']).nullable(),
  code: z.string().nullable(),
  settledAt: instant.nullable(),
})
export type DeadLetterAct = z.infer<typeof deadLetterAct>

export const deadLetterDetail = z.object({ ...deadLetterEntry.shape, acts: z.array(deadLetterAct) })
export type DeadLetterDetail = z.infer<typeof deadLetterDetail>

/** Entries that failed alike. */
export const deadLetterGroup = z.object({
  fingerprint: z.string(),
  service: z.string(),
  consumer: z.string(),
  reason: z.string(),
  code: z.string(),
  count: z.number().int(),
  open: z.number().int(),
  replayed: z.number().int(),
  resolved: z.number().int(),
  discarded: z.number().int(),
  firstAt: instant,
  lastAt: instant,
})
export type DeadLetterGroup = z.infer<typeof deadLetterGroup>

/** Which entries are meant: all that fit everything given. `since` and `until` are about the last failure. */
const filterFields = {
  service: z.enum(services).optional(),
  consumer: z.string().min(1).max(120).optional(),
  reason: deathReason.optional(),
  code: z.string().min(1).max(100).optional(),
  fingerprint: z.string().min(1).max(100).optional(),
  tenant: uuid.optional(),
  since: instant.optional(),
  until: instant.optional(),
}

/** Of a bulk replay: at least one, so that nobody replays everything by mistake. Only entries that are open are meant. */
export const replayFilter = z
  .strictObject(filterFields)
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), 'names at least one filter')
export type ReplayFilter = z.infer<typeof replayFilter>

const listFilter = z.object({ ...filterFields, state: deadLetterState.optional() })
export type DeadLetterFilter = z.infer<typeof listFilter>

/** `true` tells what would be done and does nothing. */
const dryRun = z.enum(['true', 'false']).optional()

/** A bulk replay: one entry of each group first, the others once that one is effective. */
export const bulkReplay = z.object({
  id: uuid,
  /** `stopped`: ended because entries failed again as before */
  state: z.enum(['requested', 'running', 'completed', 'stopped']),
  filter: z.record(z.string(), z.string()),
  actorId: z.string(),
  total: z.number().int(),
  waiting: z.number().int(),
  running: z.number().int(),
  effective: z.number().int(),
  alreadyEffective: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  requestedAt: instant,
  endedAt: instant.nullable(),
})
export type BulkReplay = z.infer<typeof bulkReplay>

const wouldReplay = z.object({
  dryRun: z.boolean(),
  total: z.number().int(),
  groups: z.array(z.object({ fingerprint: z.string(), consumer: z.string(), count: z.number().int() })),
})

const idParams = z.object({ id: uuid })
const operator = { permission: 'platform:operate' } as const

export const listDeadLetters = operation({
  ...operator,
  method: 'GET',
  path: '/v1/dead-letters',
  summary: 'Lists messages that services gave up on, newest first, as metadata',
  query: z.object({ ...listQuery.shape, ...listFilter.shape }),
  answers: { 200: listOf(deadLetterEntry) },
})

export const listDeadLetterGroups = operation({
  ...operator,
  method: 'GET',
  path: '/v1/dead-letters/groups',
  summary: 'Counts dead letters that failed alike, by state',
  query: z.object({ ...listQuery.shape, ...listFilter.shape }),
  answers: { 200: listOf(deadLetterGroup) },
})

export const getDeadLetter = operation({
  ...operator,
  method: 'GET',
  path: '/v1/dead-letters/:id',
  summary: 'One dead letter, as metadata, with everything that was done about it',
  params: idParams,
  answers: { 200: deadLetterDetail },
  problems: ['resource-not-found'],
})

export const replayDeadLetter = operation({
  ...operator,
  method: 'POST',
  path: '/v1/dead-letters/:id/replays',
  summary: 'Gives a dead letter once more to the handler that failed; what is effective already answers so',
  params: idParams,
  query: z.object({ dryRun }),
  answers: { 200: wouldReplay, 202: deadLetterAct },
  problems: ['resource-not-found', 'state-conflict'],
})

export const replayDeadLetters = operation({
  ...operator,
  method: 'POST',
  path: '/v1/dead-letters/replays',
  summary: 'Replays all open dead letters that fit: one of each group first, the rest once it is effective',
  query: z.object({ dryRun }),
  body: replayFilter,
  answers: { 200: wouldReplay, 202: bulkReplay },
})

export const getBulkReplay = operation({
  ...operator,
  method: 'GET',
  path: '/v1/dead-letters/replays/:id',
  summary: 'How far a replay of many dead letters is',
  params: idParams,
  answers: { 200: bulkReplay },
  problems: ['resource-not-found'],
})

/** The reason travels in the query, for a body of DELETE has no meaning on its way (RFC 9110, 9.3.5). */
export const discardDeadLetter = operation({
  ...operator,
  method: 'DELETE',
  path: '/v1/dead-letters/:id',
  summary: 'Gives a dead letter up for good and forgets its message; the reason is kept and names nobody',
  params: idParams,
  query: z.object({
    reason: z
      .string()
      .trim()
      .min(3)
      .max(300)
      .regex(/^[^@\p{Cc}]*$/u, 'is plain text without addresses'),
    dryRun,
  }),
  answers: { 200: deadLetterDetail },
  problems: ['resource-not-found', 'state-conflict'],
})

export const deadLetterOperations = [
  listDeadLetters,
  listDeadLetterGroups,
  getDeadLetter,
  replayDeadLetter,
  replayDeadLetters,
  getBulkReplay,
  discardDeadLetter,
]
