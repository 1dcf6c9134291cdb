import { readFileSync } from 'node:fs'
import {
  checkpoint as checkpointSchema,
  getAuditProof,
  getLatestCheckpoint,
  listAuditEvents,
  listAuditKeys,
  type AuditEvent,
  type Checkpoint,
} from '@csr/contracts/http/audit'
import { createCommand } from '@csr/stack/command-line'
import type { AnswerOf, GatewayClient } from '@csr/stack/gateway-client'
import { Refusal } from '@csr/stack/refusal'
import type { Command } from 'commander'
import { compactVerify, createLocalJWKSet } from 'jose'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asCompany, tenantOf } from '../tokens.ts'
import { firstGap, leafOf, treeRoot } from '../verify-log.ts'

type AuditOptions = StackOptions & { readonly tenant?: string }
type Caller = { readonly client: GatewayClient; readonly token: string }

const examples = `
Examples:
  csr audit checkpoint --json > kept.json
  csr audit verify --checkpoint kept.json
  csr audit export > log.jsonl
  csr audit prove 01890000-0000-7000-8000-000000000000`

export function create(): Command {
  const audit = createCommand('csr audit')
    .description("Verifies, exports and proves a tenant's log.")
    .addHelpText('after', examples)
  withTenant(audit.command('verify'))
    .description('Reads the whole log, builds its tree anew and compares the root with the signed checkpoint.')
    .option('--checkpoint <file>', 'a checkpoint kept earlier: what it covers must be unchanged')
    .action(verify)
  withTenant(audit.command('checkpoint')).description('Prints the latest signed checkpoint.').action(printCheckpoint)
  withTenant(audit.command('export'))
    .description('Prints the whole log, one record per line, oldest first.')
    .action(exportLog)
  withTenant(audit.command('prove'))
    .description('Prints the proof that a record is in the log.')
    .argument('<id>', 'id of the record')
    .action(prove)
  return audit
}

function withTenant(command: Command): Command {
  return withStackOptions(command).option('--tenant <id>', 'the tenant; the demo tenant unless told')
}

async function asAuditor(options: AuditOptions): Promise<Caller> {
  const stack = openStack(options)
  return asCompany(stack, tenantOf(stack, options.tenant))
}

async function verify(options: AuditOptions & { readonly checkpoint?: string }): Promise<void> {
  const kept = options.checkpoint === undefined ? null : readCheckpoint(options.checkpoint)
  const caller = await asAuditor(options)
  const latest = await caller.client.call(getLatestCheckpoint, { token: caller.token })
  await verifySignature(caller, latest)
  if (kept) await verifySignature(caller, kept)
  const records = (await readLog(caller)).filter(({ sequence }) => sequence <= latest.size)
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
  const result = {
    verified: problems.length === 0,
    tenantId: latest.tenantId,
    size: latest.size,
    root: latest.root,
    problems,
  }
  const against = kept ? `, and nothing changed since the checkpoint of ${kept.size} records` : ''
  printResult(
    options,
    result,
    result.verified
      ? `verified: ${latest.size} records, root ${latest.root}${against}`
      : problems.map((text) => `! ${text}`).join('\n'),
  )
  if (!result.verified) process.exitCode = 1
}

function compare(kept: Checkpoint, latest: Checkpoint, leaves: readonly string[]): string[] {
  if (kept.tenantId !== latest.tenantId) return ['the checkpoint is of another tenant']
  if (kept.size > latest.size) return [`the log had ${kept.size} records and now has ${latest.size}`]
  return treeRoot(leaves.slice(0, kept.size)) === kept.root
    ? []
    : [`the first ${kept.size} records are not what they were`]
}

/** The fields of a checkpoint are what its signature covers; a checkpoint that says otherwise was made up. */
async function verifySignature({ client, token }: Caller, given: Checkpoint): Promise<void> {
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

async function printCheckpoint(options: AuditOptions): Promise<void> {
  const { client, token } = await asAuditor(options)
  const latest = await client.call(getLatestCheckpoint, { token })
  printResult(options, latest, `${latest.size} records, root ${latest.root}, at ${latest.at}`)
}

async function exportLog(options: AuditOptions): Promise<void> {
  const records = await readLog(await asAuditor(options))
  const lines = records.map((record) => JSON.stringify(record)).join('\n')
  printResult(options, { items: records }, lines)
}

async function prove(id: string, options: AuditOptions): Promise<void> {
  const { client, token } = await asAuditor(options)
  const operation = { ...getAuditProof, path: getAuditProof.path.replace(':id', encodeURIComponent(id)) }
  const proof: AnswerOf<typeof getAuditProof> = await client.call(operation, { token })
  const words = `record ${proof.event.sequence} of ${proof.checkpoint.size}, leaf ${proof.leafHash}\n${proof.path.join('\n')}\nroot ${proof.checkpoint.root}`
  printResult(options, proof, words)
}

/** The whole log, oldest first. */
async function readLog({ client, token }: Caller): Promise<AuditEvent[]> {
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

function readCheckpoint(file: string): Checkpoint {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw new Refusal(`Cannot read ${file} as JSON.`, { exitCode: 2 })
  }
  const parsed = checkpointSchema.safeParse(content)
  if (parsed.success) return parsed.data
  throw new Refusal(`${file} is no checkpoint: write one with "csr audit checkpoint --json".`, { exitCode: 2 })
}
