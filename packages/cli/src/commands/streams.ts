import { applyStreams, keepStreams, planStreams, statusStreams, type Change } from '@csr/messaging/streams'
import { createHealth, inOrder, runUntilSignalled } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import type { Command } from 'commander'
import { describeRows, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { streamAdmin, withStreams } from '../stream-admin.ts'

const examples = `
With NATS_URL and NATS_CREDENTIALS_FILE set, that server is meant instead of the running stack's.

Examples:
  csr streams plan
  csr streams apply
  csr streams status --json
  csr streams keep               stays and keeps them; one such process runs in every stack`

export function create(): Command {
  const streams = createCommand('csr streams')
    .description('Streams and durable consumers: declared in the contracts, made on the server.')
    .addHelpText('after', examples)
  withStackOptions(streams.command('plan')).description('Prints what apply would change. Changes nothing.').action(plan)
  withStackOptions(streams.command('apply')).description('Makes the server as declared.').action(apply)
  withStackOptions(streams.command('status')).description('Prints the state of each stream and durable.').action(status)
  withStackOptions(streams.command('keep')).description('Stays and keeps the streams as declared.').action(keep)
  return streams
}

async function plan(options: StackOptions): Promise<void> {
  const changes = await withStreams(streamAdmin(options), (manager) => planStreams(manager))
  printResult(options, { changes }, describeChanges(changes))
  refuseWhatIsNotAllowed(changes)
}

async function apply(options: StackOptions): Promise<void> {
  const changes = await withStreams(streamAdmin(options), (manager) => applyStreams(manager))
  printResult(options, { changes }, describeChanges(changes))
  refuseWhatIsNotAllowed(changes)
}

async function status(options: StackOptions): Promise<void> {
  const streams = await withStreams(streamAdmin(options), (manager) => statusStreams(manager))
  const rows = streams.flatMap((one) => [
    [one.stream, '', String(one.messages), `${one.firstSequence}-${one.lastSequence}`, '', ''],
    ...one.durables.map((durable) => [
      ...['', durable.name, '', String(durable.ackFloor)],
      ...[String(durable.waiting), String(durable.unacknowledged)],
    ]),
  ])
  const titles = ['stream', 'durable', 'messages', 'sequence', 'waiting', 'unacknowledged']
  printResult(options, { streams }, describeRows(titles, rows))
}

async function keep(options: StackOptions): Promise<void> {
  const { url, credentialsFile } = streamAdmin(options)
  const logger = createLogger({ service: 'keeper', level: process.env['LOG_LEVEL'] ?? 'info' })
  const keeper = () => keepStreams({ natsUrl: url, adminCredentialsFile: credentialsFile, logger })
  await runUntilSignalled(async () => inOrder('keeper', createHealth(), [keeper()]), { logger })
}

function describeChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'as declared'
  const rows = changes.map(({ kind, stream, durable, fields, allowed }) => [
    ...[allowed ? kind : `${kind} (refused)`, stream, durable ?? '', fields.join(', ')],
  ])
  return describeRows(['change', 'stream', 'durable', 'fields'], rows)
}

function refuseWhatIsNotAllowed(changes: readonly Change[]): void {
  const refused = changes.filter(({ allowed }) => !allowed)
  if (refused.length === 0) return
  throw new Refusal(`${refused.length} of these would lose messages and are not made. Decide them by hand.`)
}
