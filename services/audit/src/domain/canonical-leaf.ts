import canonicalize from 'canonicalize'
import type { AuditRecord } from './describe-event.ts'

/** The bytes that are hashed into the tree: the record as canonical JSON (RFC 8785). Its place is proven by the tree. */
export function canonicalLeaf(record: AuditRecord): string {
  const { id, at, action, actor, target, outcome, requestId } = record
  const leaf = canonicalize({ id, at, action, actor, target, outcome, requestId })
  if (leaf === undefined) throw new TypeError('an audit record is always an object')
  return leaf
}
