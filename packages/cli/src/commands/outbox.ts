import { createOutboxReplay, getOutbox, outboxReplayRequest, type OutboxStatus } from '@csr/contracts/http/outbox'
import { services, type Service } from '@csr/contracts/services'
import { createCommand } from '@csr/stack/command-line'
import type { AnswerOf } from '@csr/stack/gateway-client'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { parseTime } from '../parse-time.ts'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

type OutboxOptions = StackOptions & { readonly service?: Service }
type ReplayOptions = OutboxOptions & { readonly since?: string; readonly type?: string; readonly dryRun?: boolean }

const examples = `
A replay sends again what was sent before. What took effect does not take effect again. A stream that holds an event
already and got it within the last two minutes drops the copy.

Examples:
  csr outbox status
  csr outbox replay --service ingest --since 2h --dry-run
  csr outbox replay --type ingest.session.completed.v1 --since 2026-11-20T10:00:00Z`

export function create(): Command {
  const outbox = createCommand('csr outbox')
    .description('What the services have committed and sent to the streams.')
    .addHelpText('after', examples)
  withService(outbox.command('status'))
    .description('Prints what waits to be sent, and what each stream lost last.')
    .action(status)
  withService(outbox.command('replay'))
    .description('Sends events again that were sent before, within the 14 days they are kept.')
    .option('--since <time>', 'events since then: RFC 3339, or how long ago, such as 30m, 2h or 3d', parseTime)
    .option('--type <event type>', 'events of this type only; names its service as well', parseType)
    .option('--dry-run', 'count them and send nothing')
    .action(replay)
  return outbox
}

function withService(command: Command): Command {
  return withStackOptions(command).addOption(
    new Option('--service <name>', 'one service; all unless told').choices([...services]),
  )
}

async function status(options: OutboxOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const items: OutboxStatus[] = []
  for (const service of chosen(options)) items.push(await client.call(getOutbox(service), { token }))
  printResult(options, { items }, items.map(describeStatus).join('\n\n'))
}

async function replay(options: ReplayOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { since = null, type = null, dryRun = false } = options
  const items: { service: Service; count: number }[] = []
  for (const service of chosen(options)) {
    let count = 0
    let after: string | null = null
    do {
      const body = { since, type, dryRun, after }
      const page: AnswerOf<ReturnType<typeof createOutboxReplay>> = await client.call(createOutboxReplay(service), {
        token,
        body,
      })
      count += page.count
      after = page.next
    } while (after !== null)
    items.push({ service, count })
  }
  const rows = items.map(({ service, count }) => [service, String(count)])
  printResult(
    options,
    { dryRun, items },
    describeRows(['service', dryRun ? 'would be sent again' : 'sent again'], rows),
  )
}

/** The service that is named, else the one that publishes the type, else all. */
function chosen({ service, type }: OutboxOptions & { readonly type?: string }): readonly Service[] {
  if (service !== undefined) return [service]
  const [first = '', second = ''] = (type ?? '').split('.')
  const owner = first === 'dead-letter' ? second : first
  return type === undefined ? services : services.filter((name) => name === owner)
}

function describeStatus({ service, unsent, oldestSeconds, streams }: OutboxStatus): string {
  const waits = unsent === 0 ? 'nothing waits' : `${unsent} wait, the oldest for ${Math.round(oldestSeconds ?? 0)} s`
  const rows = streams.map(({ stream, epoch, lastSequence, lowWater, lastLoss }) => [
    ...[stream, epoch.slice(0, 8), String(lastSequence), lowWater === null ? 'none' : String(lowWater)],
    lastLoss === null ? 'never' : `${lastLoss.at} (${lastLoss.sign}, ${lastLoss.count} sent again)`,
  ])
  return `${service}: ${waits}\n${describeRows(['stream', 'epoch', 'stored up to', 'low water', 'last loss'], rows)}`
}

function parseType(text: string): string {
  const parsed = outboxReplayRequest.shape.type.safeParse(text)
  if (parsed.success && parsed.data !== null) return parsed.data
  throw new InvalidArgumentError('It is no event type, such as ingest.session.completed.v1.')
}
