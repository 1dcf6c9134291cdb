import { readFileSync } from 'node:fs'
import {
  checkpoint as checkpointSchema,
  getAuditProof,
  getLatestCheckpoint,
  type Checkpoint,
} from '@csr/contracts/http/audit'
import { createCommand } from '@csr/stack/command-line'
import type { AnswerOf } from '@csr/stack/gateway-client'
import { Refusal } from '@csr/stack/refusal'
import { readAuditLog, verifyAuditLog, type Auditor } from '@csr/stack/verify-audit-log'
import type { Command } from 'commander'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asCompany, tenantOf } from '../tokens.ts'

type AuditOptions = StackOptions & { readonly tenant?: string }

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

async function asAuditor(options: AuditOptions): Promise<Auditor> {
  const stack = openStack(options)
  return asCompany(stack, tenantOf(stack, options.tenant))
}

async function verify(options: AuditOptions & { readonly checkpoint?: string }): Promise<void> {
  const kept = options.checkpoint === undefined ? null : readCheckpoint(options.checkpoint)
  const caller = await asAuditor(options)
  const { records: _, ...result } = await verifyAuditLog(caller, kept)
  const against = kept ? `, and nothing changed since the checkpoint of ${kept.size} records` : ''
  printResult(
    options,
    result,
    result.verified
      ? `verified: ${result.size} records, root ${result.root}${against}`
      : result.problems.map((text) => `! ${text}`).join('\n'),
  )
  if (!result.verified) process.exitCode = 1
}

async function printCheckpoint(options: AuditOptions): Promise<void> {
  const { client, token } = await asAuditor(options)
  const latest = await client.call(getLatestCheckpoint, { token })
  printResult(options, latest, `${latest.size} records, root ${latest.root}, at ${latest.at}`)
}

async function exportLog(options: AuditOptions): Promise<void> {
  const records = await readAuditLog(await asAuditor(options))
  const lines = records.map((record) => JSON.stringify(record)).join('\n')
  printResult(options, { items: records }, lines)
}

async function prove(id: string, options: AuditOptions): Promise<void> {
  const { client, token } = await asAuditor(options)
  const proof: AnswerOf<typeof getAuditProof> = await client.call(getAuditProof, { token, params: { id } })
  const words = `record ${proof.event.sequence} of ${proof.checkpoint.size}, leaf ${proof.leafHash}\n${proof.path.join('\n')}\nroot ${proof.checkpoint.root}`
  printResult(options, proof, words)
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
