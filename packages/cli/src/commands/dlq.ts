import { setTimeout as sleep } from 'node:timers/promises'
import { deathReason } from '@csr/contracts/events/dead-letter'
import {
  deadLetterState,
  discardDeadLetter,
  getBulkReplay,
  getDeadLetter,
  listDeadLetterGroups,
  listDeadLetters,
  replayDeadLetter,
  replayDeadLetters,
  type BulkReplay,
  type DeadLetterAct,
  type DeadLetterDetail,
  type DeadLetterEntry,
  type DeadLetterGroup,
} from '@csr/contracts/http/dead-letters'
import { services } from '@csr/contracts/services'
import { createCommand } from '@csr/stack/command-line'
import type { GatewayClient } from '@csr/stack/gateway-client'
import { Refusal } from '@csr/stack/refusal'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { everyPage } from '../every-page.ts'
import { parseTime } from '../parse-time.ts'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

type Filter = {
  readonly service?: string
  readonly consumer?: string
  readonly reason?: string
  readonly code?: string
  readonly fingerprint?: string
  readonly tenant?: string
  readonly since?: string
  readonly until?: string
  readonly state?: string
}
type ListOptions = StackOptions & Filter & { readonly limit?: number }
type ReplayOptions = StackOptions & Filter & { readonly dryRun?: boolean; readonly wait: boolean }
type DiscardOptions = StackOptions & { readonly reason: string; readonly dryRun?: boolean }
type Operator = { readonly client: GatewayClient; readonly token: string }

const examples = `
A replay gives the message once more to the handler that failed, under its own id: what is effective already stays as it
is. Of many, one of each group goes first; the others follow once that one is effective. The command waits for the answer
and ends with 1 where a replay failed again.

Examples:
  csr dlq groups
  csr dlq list --state open --consumer profile-on-session-completed --since 2h
  csr dlq show ID
  csr dlq replay ID --dry-run
  csr dlq replay --fingerprint F
  csr dlq discard ID --reason "sent by a load test"`

export function create(): Command {
  const dlq = createCommand('csr dlq')
    .description('Messages that services gave up on: as metadata, never their content.')
    .addHelpText('after', examples)
  withFilter(dlq.command('list'))
    .description('Lists dead letters, newest first.')
    .addOption(new Option('--state <state>', 'only these').choices(deadLetterState.options))
    .option('--limit <count>', 'the latest so many', parseCount)
    .action(list)
  withFilter(dlq.command('groups'))
    .description('Counts those that failed alike, by state.')
    .addOption(new Option('--state <state>', 'only these').choices(deadLetterState.options))
    .action(groups)
  withStackOptions(dlq.command('show'))
    .description('Prints one with everything that was done about it.')
    .argument('<id>', 'id of the dead letter')
    .action(show)
  withFilter(dlq.command('replay'))
    .description('Replays one, or all open ones that fit the filters.')
    .argument('[id]', 'id of the dead letter')
    .option('--dry-run', 'say what would be replayed')
    .option('--no-wait', 'end as soon as it is asked for')
    .action(replay)
  withStackOptions(dlq.command('discard'))
    .description('Gives one up for good; its message is forgotten, the entry and the reason are kept.')
    .argument('<id>', 'id of the dead letter')
    .requiredOption('--reason <text>', 'why; names nobody')
    .option('--dry-run', 'say whether it could be discarded')
    .action(discard)
  return dlq
}

function withFilter(command: Command): Command {
  return withStackOptions(command)
    .addOption(new Option('--service <name>', 'who gave up').choices([...services]))
    .option('--consumer <name>', 'its consumer')
    .addOption(new Option('--reason <reason>', 'why').choices(deathReason.options))
    .option('--code <code>', 'code of the failure')
    .option('--fingerprint <fingerprint>', 'one group')
    .option('--tenant <id>', 'one tenant')
    .option('--since <time>', 'failed last since then: RFC 3339, or how long ago, such as 30m, 2h or 3d', parseTime)
    .option('--until <time>', 'failed last before then', parseTime)
}

function filterOf(options: Filter): Filter {
  const { service, consumer, reason, code, fingerprint, tenant, since, until, state } = options
  const given = Object.entries({ service, consumer, reason, code, fingerprint, tenant, since, until, state })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

async function list(options: ListOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const items = await everyPage<DeadLetterEntry>(
    (cursor) => client.call(listDeadLetters, { token, query: { ...filterOf(options), limit: 200, cursor } }),
    options.limit,
  )
  const rows = items.map(({ id, state, consumer, reason, code, attempts, lastAt }) => [
    ...[id, state, consumer, reason, code, String(attempts), lastAt],
  ])
  const titles = ['id', 'state', 'consumer', 'reason', 'code', 'attempts', 'last']
  printResult(options, { items }, describeRows(titles, rows))
}

async function groups(options: ListOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const items = await everyPage<DeadLetterGroup>((cursor) =>
    client.call(listDeadLetterGroups, { token, query: { ...filterOf(options), limit: 200, cursor } }),
  )
  const rows = items.map((group) => [
    ...[group.fingerprint, group.consumer, group.reason, group.code, String(group.count), String(group.open)],
    ...[String(group.replayed), String(group.resolved), String(group.discarded), group.lastAt],
  ])
  const titles = ['fingerprint', 'consumer', 'reason', 'code', 'count', 'open', 'replayed', 'resolved', 'discarded']
  printResult(options, { items }, describeRows([...titles, 'last'], rows))
}

async function show(id: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const entry = await client.call(getDeadLetter, { token, params: { id } })
  printResult(options, entry, describeEntry(entry))
}

async function replay(id: string | undefined, options: ReplayOptions): Promise<void> {
  const filter = filterOf(options)
  if ((id === undefined) === (Object.keys(filter).length === 0))
    throw new Refusal('Name one dead letter by its id, or many by filters.', { exitCode: 2 })
  const operator = await asOperator(openStack(options))
  await (id === undefined ? replayMany(operator, filter, options) : replayOne(operator, id, options))
}

async function replayOne({ client, token }: Operator, id: string, options: ReplayOptions): Promise<void> {
  const query = { dryRun: options.dryRun === true ? 'true' : null }
  const answer = await client.call(replayDeadLetter, { token, params: { id }, query })
  if ('dryRun' in answer) return printResult(options, answer, 'would be replayed')
  let act: DeadLetterAct = answer
  const endMs = Date.now() + waitMostMs
  while (options.wait && act.outcome === null) {
    if (Date.now() > endMs) throw new Refusal('Asked for, and not answered yet: is the service running?')
    await sleep(lookEveryMs)
    const { acts } = await client.call(getDeadLetter, { token, params: { id } })
    act = acts.find((one) => one.id === answer.id) ?? act
  }
  printResult(options, act, act.outcome === null ? `asked for: ${act.id}` : describeOutcome(act))
  if (act.outcome === 'failed') process.exitCode = 1
}

async function replayMany({ client, token }: Operator, filter: Filter, options: ReplayOptions): Promise<void> {
  const query = { dryRun: options.dryRun === true ? 'true' : null }
  const answer = await client.call(replayDeadLetters, { token, query, body: filter })
  if ('dryRun' in answer) {
    const rows = answer.groups.map(({ fingerprint, consumer, count }) => [fingerprint, consumer, String(count)])
    return printResult(options, answer, describeRows(['fingerprint', 'consumer', 'would be replayed'], rows))
  }
  let bulk: BulkReplay = answer
  while (options.wait && bulk.endedAt === null) {
    await sleep(lookEveryMs)
    bulk = await client.call(getBulkReplay, { token, params: { id: bulk.id } })
  }
  printResult(options, bulk, describeBulk(bulk))
  if (bulk.state === 'stopped') process.exitCode = 1
}

async function discard(id: string, options: DiscardOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const query = { reason: options.reason, dryRun: options.dryRun === true ? 'true' : null }
  const entry = await client.call(discardDeadLetter, { token, params: { id }, query })
  printResult(options, entry, options.dryRun === true ? 'would be discarded' : 'discarded')
}

const lookEveryMs = 250
/** A handler may take 30 s, and a service that was killed comes back for its messages after 10 s. */
const waitMostMs = 90_000

function describeEntry({ acts, ...entry }: DeadLetterDetail): string {
  const facts = Object.entries(entry).map(([name, value]) => [name, String(value)])
  const rows = acts.map(({ at, kind, actorId, outcome, code, reason }) => [
    ...[at, kind, actorId, outcome ?? '', code ?? reason ?? ''],
  ])
  return `${describeRows(['field', 'value'], facts)}\n\n${describeRows(['at', 'act', 'by', 'outcome', 'because'], rows)}`
}

function describeOutcome({ outcome, code }: DeadLetterAct): string {
  return code === null ? String(outcome) : `${outcome}: ${code}`
}

function describeBulk(bulk: BulkReplay): string {
  const { id, state, total, effective, alreadyEffective, failed, skipped, waiting, running } = bulk
  const counts = { total, effective, alreadyEffective, failed, skipped, waiting, running }
  const said = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
  return `${id} ${state}: ${said.join(', ')}`
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1.')
  return Number(text)
}
