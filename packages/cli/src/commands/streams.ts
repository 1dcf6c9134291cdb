import { checkServer, type ServerCheck } from '@csr/messaging/check-server'
import { keepStreams } from '@csr/messaging/keeper'
import { statusStreams, type StreamStatus } from '@csr/messaging/stream-status'
import { applyStreams, planStreams, type Change } from '@csr/messaging/streams'
import { createHealth, inOrder, runUntilSignalled } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createProbeServer } from '@csr/runtime/probe-server'
import { createTelemetry } from '@csr/runtime/telemetry'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import { InvalidArgumentError, type Command } from 'commander'
import { describeRows, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { streamAdmin, withStreams } from '../stream-admin.ts'

type TopologyOptions = StackOptions & { readonly replicas?: number; readonly allowDestructive?: boolean }

type Address = { readonly host: string; readonly port: number }
type KeepOptions = TopologyOptions & { readonly listen?: Address }

const examples = `
With NATS_URL and NATS_CREDENTIALS_FILE set (and NATS_MONITOR_URL, where there is one), that server is meant instead of
the running stack's.

Examples:
  csr streams plan
  csr streams apply
  csr streams apply --allow-destructive   makes the changes as well that lose what the plan names
  csr streams status --json
  csr streams keep                        stays and keeps them; one such process runs in every stack`

export function create(): Command {
  const streams = createCommand('csr streams')
    .description('Streams and durable consumers: declared in the contracts, made on the server.')
    .addHelpText('after', examples)
  withReplicas(streams.command('plan')).description('Prints what apply would change. Changes nothing.').action(plan)
  withReplicas(streams.command('apply'))
    .description('Prints what differs, then makes the server as declared.')
    .option('--allow-destructive', 'make changes as well that lose something')
    .action(apply)
  withStackOptions(streams.command('status')).description('Prints the state of each stream and durable.').action(status)
  withReplicas(streams.command('keep'))
    .description('Stays and keeps the streams as declared.')
    .option('--listen <host:port>', 'answer /health/readiness, /health/liveness and /metrics there', parseAddress)
    .action(keep)
  return streams
}

function withReplicas(command: Command): Command {
  return withStackOptions(command).option(
    '--replicas <count>',
    'copies of each stream, on as many servers (as many as there are now, 1 for a new stream)',
    (text) => {
      if (/^[135]$/.test(text)) return Number(text)
      throw new InvalidArgumentError('It is 1, 3 or 5.')
    },
  )
}

function parseAddress(text: string): Address {
  const [, host, port] = /^([\w.-]+):(\d{1,5})$/.exec(text) ?? []
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) }
  throw new InvalidArgumentError('It is a host and a port, 127.0.0.1:3009.')
}

async function plan(options: TopologyOptions): Promise<void> {
  const found = await withStreams(streamAdmin(options), async ({ manager, server }) => ({
    checks: await checkServer(server),
    changes: await planStreams(manager, options),
  }))
  printResult(options, found, describePlan(found))
  refuseServer(found.checks)
  refuseLosses(found.changes.filter(({ allowed }) => !allowed))
}

async function apply(options: TopologyOptions): Promise<void> {
  const found = await withStreams(streamAdmin(options), async ({ manager, server }) => {
    const checks = await checkServer(server)
    const changes = await planStreams(manager, options)
    if (options.json !== true) process.stdout.write(`${describePlan({ checks, changes })}\n`)
    refuseServer(checks)
    await applyStreams(manager, options)
    return { checks, changes }
  })
  const refused = options.allowDestructive === true ? [] : found.changes.filter(({ allowed }) => !allowed)
  const made = found.changes.length - refused.length
  if (options.json === true || made > 0) printResult(options, { ...found, applied: made }, `${made} made`)
  refuseLosses(refused)
}

async function status(options: StackOptions): Promise<void> {
  const { streams, checks } = await withStreams(streamAdmin(options), async ({ manager, server }) => ({
    streams: await statusStreams(manager),
    checks: await checkServer(server),
  }))
  const warnings = streams.flatMap(({ stream, warnings: about }) => about.map((text) => `! ${stream} ${text}`))
  printResult(options, { streams, checks }, [describeStatus(streams), describeChecks(checks), ...warnings].join('\n'))
  refuseServer(checks)
  if (warnings.length > 0) process.exitCode = 1
}

async function keep({ listen, ...options }: KeepOptions): Promise<void> {
  const { url, credentialsFile } = streamAdmin(options)
  const logger = createLogger({ service: 'keeper', level: process.env['LOG_LEVEL'] ?? 'info' })
  const replicas = options.replicas === undefined ? {} : { replicas: options.replicas }
  const telemetry = createTelemetry('keeper')
  await runUntilSignalled(
    async () => {
      const health = createHealth()
      const keeper = keepStreams({
        natsUrl: url,
        adminCredentialsFile: credentialsFile,
        logger,
        telemetry,
        ...replicas,
      })
      const probes = listen ? [createProbeServer({ name: 'keeper', ...listen, health, telemetry })] : []
      return inOrder('keeper', health, [...probes, keeper])
    },
    { logger },
  )
}

type Plan = { readonly checks: readonly ServerCheck[]; readonly changes: readonly Change[] }

/** Each difference on a line of its own, as it is and as it will be. */
function describePlan({ checks, changes }: Plan): string {
  if (changes.length === 0) return `${describeChecks(checks)}\nas declared`
  const rows = changes.flatMap(({ kind, stream, durable, allowed, differences }) => {
    const about = [allowed ? kind : `${kind} (refused)`, stream, durable ?? '']
    if (differences.length === 0) return [[...about, '', '', '', '']]
    return differences.map(({ field, found, wanted, loses }) => [
      ...[...about, field, JSON.stringify(found), JSON.stringify(wanted), loses ?? ''],
    ])
  })
  return `${describeChecks(checks)}\n${describeRows(['change', 'stream', 'durable', 'field', 'is', 'becomes', 'loses'], rows)}`
}

function describeChecks(checks: readonly ServerCheck[]): string {
  const marks = { true: 'ok', false: '!', null: '?' }
  return checks.map(({ check, ok, detail }) => `${marks[`${ok}`].padEnd(2)} ${check}: ${detail}`).join('\n')
}

function describeStatus(streams: readonly StreamStatus[]): string {
  const rows = streams.flatMap((one) => [
    [
      ...[one.stream, '', String(one.messages), `${one.firstSequence}-${one.lastSequence}`],
      ...[
        one.lowWater === null ? 'none' : String(one.lowWater),
        '',
        '',
        `${one.replicas} ${one.leader ?? ''}`.trimEnd(),
      ],
    ],
    ...one.durables.map((durable) => [
      ...['', durable.name, '', String(durable.ackFloor), ''],
      ...[String(durable.waiting), String(durable.unacknowledged), ''],
    ]),
  ])
  const titles = ['stream', 'durable', 'messages', 'sequence', 'low water', 'waiting', 'unacknowledged', 'replicas']
  return describeRows(titles, rows)
}

function refuseServer(checks: readonly ServerCheck[]): void {
  const failed = checks.filter(({ ok }) => ok === false)
  if (failed.length === 0) return
  const reasons = failed.map(({ check, detail }) => `${check} (${detail})`).join(', ')
  throw new Refusal(`This server may lose what it acknowledged: ${reasons}.`)
}

function refuseLosses(refused: readonly Change[]): void {
  if (refused.length === 0) return
  const losses = refused.map(({ stream, durable, differences }) => {
    const what = differences.flatMap(({ loses }) => (loses === null ? [] : [loses]))
    return `${durable ?? stream} would lose ${[...new Set(what)].join(', ')}`
  })
  throw new Refusal(`Not made: ${losses.join('; ')}. With --allow-destructive they are.`)
}
