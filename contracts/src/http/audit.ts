import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { deadLetterOperations } from './dead-letters.ts'
import { publicKey } from './gateway.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

const party = z.object({ type: z.string(), id: z.string() })

/** One record of the log. Without `sequence`, as canonical JSON (RFC 8785), it is the content of leaf `sequence - 1`. */
export const auditEvent = z.object({
  id: uuid,
  /** place in the log, from 1 */
  sequence: z.number().int().min(1),
  at: instant,
  action: z.string(),
  actor: party,
  target: party,
  outcome: z.enum(['effective', 'refused', 'failed']),
  requestId: z.string(),
})
export type AuditEvent = z.infer<typeof auditEvent>

/** Size and root of a tenant's tree (RFC 6962), signed as a JWS by the audit service. */
export const checkpoint = z.object({
  tenantId: uuid,
  size: z.number().int().min(0),
  /** SHA-256 root, lower-case hex */
  root: z.string().length(64),
  at: instant,
  /** compact JWS (RS256) over the fields above */
  signature: z.string(),
})
export type Checkpoint = z.infer<typeof checkpoint>

/** Proof that a record is in the tree of `checkpoint`: hashes from the leaf's sibling up (RFC 6962, 2.1.1). */
export const inclusionProof = z.object({
  event: auditEvent,
  leafHash: z.string().length(64),
  path: z.array(z.string().length(64)),
  checkpoint,
})

const idParams = z.object({ id: uuid })

export const listAuditEvents = operation({
  method: 'GET',
  path: '/v1/audit/events',
  summary: 'Lists the records of the log, newest first',
  permission: 'audit:read',
  query: listQuery,
  answers: { 200: listOf(auditEvent) },
})

export const getAuditProof = operation({
  method: 'GET',
  path: '/v1/audit/events/:id/proof',
  summary: 'Proves that a record is in the log',
  permission: 'audit:read',
  params: idParams,
  answers: { 200: inclusionProof },
  problems: ['resource-not-found'],
})

export const getLatestCheckpoint = operation({
  method: 'GET',
  path: '/v1/audit/checkpoints/latest',
  summary: 'Size and root of the log, signed',
  permission: 'audit:read',
  answers: { 200: checkpoint },
})

export const listAuditKeys = operation({
  method: 'GET',
  path: '/v1/audit/keys',
  summary: 'Public keys that verify the signatures of checkpoints',
  permission: 'audit:read',
  answers: { 200: z.object({ keys: z.array(publicKey) }) },
})

export const auditOperations = [
  listAuditEvents,
  getAuditProof,
  getLatestCheckpoint,
  listAuditKeys,
  ...deadLetterOperations,
]
