import {
  getLatestCheckpoint,
  listAuditEvents,
  listAuditKeys,
  type AuditEvent,
  type Checkpoint,
} from '@csr/contracts/http/audit'
import { compactVerify, createLocalJWKSet } from 'jose'
import type { AnswerOf, GatewayClient } from './gateway-client.ts'
import { Refusal } from './refusal.ts'
import { firstGap, leafOf, treeRoot } from './verify-log.ts'

export type Auditor = { readonly client: Pick<GatewayClient, 'call'>; readonly token: string }

export type LogVerification = {
  readonly verified: boolean
  readonly tenantId: string
  readonly size: number
  readonly root: string
  readonly problems: readonly string[]
  /** the records that the checkpoint covers, oldest first */
  readonly records: readonly AuditEvent[]
}

/**
 * Reads the whole log, builds its tree anew and compares the root with the signed checkpoint; what a checkpoint kept
 * earlier covers must be unchanged. Refused where a signature does not fit.
 */
export async function verifyAuditLog(auditor: Auditor, kept: Checkpoint | null = null): Promise<LogVerification> {
  const latest = await auditor.client.call(getLatestCheckpoint, { token: auditor.token })
  await verifySignature(auditor, latest)
  if (kept) await verifySignature(auditor, kept)
  const records = (await readAuditLog(auditor)).filter(({ sequence }) => sequence <= latest.size)
  const leaves = records.map(leafOf)
  const gap = firstGap(records)
  const problems = [
    ...(gap === null ? [] : [`record ${gap} is missing`]),
    ...(records.length === latest.size
      ? []
      : [`the checkpoint speaks of ${latest.size} records, the log has ${records.length}`]),
    ...(treeRoot(leaves) === latest.root ? [] : ['the root of the tree is not the one that was signed']),
    ...(kept ? compare(kept, latest, leaves) : []),
  ]
  const { tenantId, size, root } = latest
  return { verified: problems.length === 0, tenantId, size, root, problems, records }
}

/** The whole log, oldest first. */
export async function readAuditLog({ client, token }: Auditor): Promise<AuditEvent[]> {
  const records: AuditEvent[] = []
  let cursor: string | null = null
  do {
    const page: AnswerOf<typeof listAuditEvents> = await client.call(listAuditEvents, {
      token,
      query: { limit: 200, cursor },
    })
    records.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return records.toReversed()
}

function compare(kept: Checkpoint, latest: Checkpoint, leaves: readonly string[]): string[] {
  if (kept.tenantId !== latest.tenantId) return ['the checkpoint is of another tenant']
  if (kept.size > latest.size) return [`the log had ${kept.size} records and now has ${latest.size}`]
  return treeRoot(leaves.slice(0, kept.size)) === kept.root
    ? []
    : [`the first ${kept.size} records are not what they were`]
}

/** The fields of a checkpoint are what its signature covers; a checkpoint that says otherwise was made up. */
async function verifySignature({ client, token }: Auditor, given: Checkpoint): Promise<void> {
  const { keys } = await client.call(listAuditKeys, { token })
  const { signature, ...fields } = given
  try {
    const { payload } = await compactVerify(signature, createLocalJWKSet({ keys }), { algorithms: ['RS256'] })
    if (Buffer.from(payload).toString() === JSON.stringify(fields)) return
  } catch {
    // told below in our own words
  }
  throw new Refusal('The signature of the checkpoint does not fit what it says.')
}
