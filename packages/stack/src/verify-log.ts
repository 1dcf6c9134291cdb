import { createHash } from 'node:crypto'
import type { AuditEvent } from '@csr/contracts/http/audit'
import canonicalize from 'canonicalize'

/*
 * Written from RFC 6962 and RFC 8785, not from the audit service: who verifies must not trust the code of who is verified.
 */

/** The content of a record's leaf: the record without its place, as canonical JSON (RFC 8785). */
export function leafOf({ sequence: _, ...record }: AuditEvent): string {
  return canonicalize(record) ?? ''
}

/** The root of the tree over these leaves, lower-case hex (RFC 6962, section 2.1). */
export function treeRoot(leaves: readonly string[]): string {
  return subtree(leaves.map((leaf) => sha256(Buffer.concat([Buffer.from([0]), Buffer.from(leaf)])))).toString('hex')
}

function subtree(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return sha256(Buffer.alloc(0))
  let level = hashes
  while (level.length > 1) {
    const above: Buffer[] = []
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index] as Buffer, level[index + 1]]
      // an odd one out rises: it is the whole right subtree of a later split
      above.push(right ? sha256(Buffer.concat([Buffer.from([1]), left, right])) : left)
    }
    level = above
  }
  return level[0] as Buffer
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** The first place where the records do not follow on each other from 1; null where they do. */
export function firstGap(records: readonly AuditEvent[]): number | null {
  const at = records.findIndex(({ sequence }, index) => sequence !== index + 1)
  return at < 0 ? null : at + 1
}
