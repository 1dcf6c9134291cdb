import { statfsSync } from 'node:fs'
import { checkServer } from '@csr/messaging/check-server'
import { readAdvisories } from '@csr/messaging/advisories'
import { planStreams } from '@csr/messaging/streams'
import { createCommand } from '@csr/stack/command-line'
import { dataDirectory, holderOf } from '@csr/stack/data-directory'
import { databaseExists } from '@csr/stack/database-places'
import { migrationStatus } from '@csr/stack/migrate'
import { identify } from '@csr/stack/process-identity'
import { describeProbe, probe } from '@csr/stack/ready'
import { readTenants } from '@csr/stack/read-tenants'
import { Refusal } from '@csr/stack/refusal'
import { replicasByName, type StackDocument } from '@csr/stack/stack-document'
import type { Command } from 'commander'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { withStreams } from '../stream-admin.ts'

type Finding = { readonly check: string; readonly ok: boolean; readonly detail: string }

const examples = `
Examples:
  csr doctor
  csr doctor --json --data-dir /var/tmp/csr`

export function create(): Command {
  return withStackOptions(createCommand('csr doctor'))
    .description('Looks whether everything of a stack is as it should be; 1 where something is not.')
    .addHelpText('after', examples)
    .action(examine)
}

async function examine(options: StackOptions): Promise<void> {
  const stack = openStack(options)
  const findings = await Promise.all([
    look('supervisor', async () => supervisorOf(options)),
    ...Object.entries(replicasByName(stack)).map(([name, { url }]) => look(name, () => serviceAt(url))),
    look('keeper', async () => running(stack.keeper.pid)),
    look('postgres', () => databaseOf(stack)),
    ...natsServersOf(stack).map((server) => look(server.name, () => natsOf(server))),
    look('migrations', () => migrationsOf(stack)),
    look('streams', () => streamsOf(stack)),
    look('advisories', () => advisoriesOf(stack)),
    look('tenants', () => tenantsOf(stack)),
    look('disk', async () => diskOf(stack)),
  ])
  const rows = findings.map(({ check, ok, detail }) => [check, ok ? 'ok' : 'FAILED', detail])
  printResult(options, { findings }, describeRows(['check', 'state', 'detail'], rows))
  const failed = findings.filter(({ ok }) => !ok)
  if (failed.length > 0) throw new Refusal(`Found wanting: ${failed.map(({ check }) => check).join(', ')}.`)
}

/** A check returns what it found, and throws where that is not good. */
async function look(check: string, find: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, detail: await find() }
  } catch (error) {
    return { check, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

function supervisorOf({ dataDir }: StackOptions): string {
  const holder = holderOf(dataDirectory(dataDir))
  if (holder === null) throw new Error('gone; npm start again')
  return `pid ${holder.pid}`
}

function running(pid: number | null): string {
  if (pid === null || identify(pid) === null) throw new Error('not running at this moment; see its log')
  return `pid ${pid}`
}

async function serviceAt(url: string): Promise<string> {
  const found = await probe(url)
  if (found.state !== 'ready') throw new Error(describeProbe(found))
  return url
}

async function databaseOf({ postgres }: StackDocument): Promise<string> {
  const exists = await databaseExists({ adminUrl: postgres.superuserUrl, database: 'csr', embedded: false })
  if (!exists) throw new Error('answers, but has no database csr')
  return new URL(postgres.url).host
}

type NatsServer = Pick<StackDocument['nats'], 'url' | 'monitorUrl'> & { readonly name: string }

function natsServersOf({ nats }: StackDocument): readonly NatsServer[] {
  return nats.nodes.length > 0 ? nats.nodes : [{ ...nats, name: 'nats' }]
}

async function natsOf(nats: NatsServer): Promise<string> {
  if (nats.monitorUrl === null) return new URL(nats.url).host
  const answer = await fetch(`${nats.monitorUrl}/healthz`, { signal: AbortSignal.timeout(3_000) })
  await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`answers with status ${answer.status}`)
  return new URL(nats.url).host
}

async function migrationsOf({ postgres, keysDatabase }: StackDocument): Promise<string> {
  const migrations = await migrationStatus({ csr: postgres.url, csr_keys: keysDatabase.url })
  const missing = migrations.filter(({ applied }) => !applied)
  if (missing.length > 0) throw new Error(`${missing.length} not applied; csr migrate up`)
  return `${migrations.length} applied`
}

async function streamsOf({ nats }: StackDocument): Promise<string> {
  const admin = { url: nats.url, credentialsFile: nats.adminCredentials, monitorUrl: nats.monitorUrl }
  const found = await withStreams(admin, async ({ manager, server }) => ({
    changes: await planStreams(manager),
    checks: await checkServer(server),
  }))
  const failed = found.checks.filter(({ ok }) => ok === false)
  if (failed.length > 0) throw new Error(failed.map(({ check, detail }) => `${check}: ${detail}`).join('; '))
  if (found.changes.length > 0) throw new Error(`${found.changes.length} differences; csr streams plan`)
  return 'as declared'
}

async function advisoriesOf({ nats }: StackDocument): Promise<string> {
  const admin = { url: nats.url, credentialsFile: nats.adminCredentials, monitorUrl: nats.monitorUrl }
  const found = await withStreams(admin, ({ manager }) => readAdvisories(manager))
  const last = found.at(-1)
  if (last) throw new Error(`nats-server gave up on message ${last.sequence} of ${last.stream} for ${last.durable}`)
  return 'none in seven days'
}

/** Tells of what is on its way to an end, and of whom nobody administers: worth knowing, and no fault of the stack. */
async function tenantsOf({ postgres }: StackDocument): Promise<string> {
  const { open, closed, suspended, closing, unadministered } = await readTenants(postgres.superuserUrl)
  const told = [
    ...suspended.map((id) => `${id} is suspended`),
    ...closing.map(({ id, closesAt }) => `${id} closes at ${closesAt.toISOString()}`),
    ...unadministered.map((id) => `${id} has no administrator`),
  ]
  const some = told.length > toldMost ? [...told.slice(0, toldMost), `and ${told.length - toldMost} more`] : told
  return [`${open} open, ${suspended.length} suspended, ${closed} closed`, ...some].join('; ')
}

const toldMost = 10

const leastFreeBytes = 1024 ** 3

function diskOf({ logsDir }: StackDocument): string {
  const { bavail, bsize } = statfsSync(logsDir)
  const free = `${((bavail * bsize) / leastFreeBytes).toFixed(1)} GB free`
  if (bavail * bsize < leastFreeBytes) throw new Error(`${free}; make room`)
  return free
}
