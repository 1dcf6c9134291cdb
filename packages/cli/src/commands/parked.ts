import { listParkedEvents, releaseParkedEvent, type ParkedEvent } from '@csr/contracts/http/parked-events'
import { services, type Service } from '@csr/contracts/services'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import { Option, type Command } from 'commander'
import { everyPage } from '../every-page.ts'
import { parseTime } from '../parse-time.ts'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

type ListOptions = StackOptions & {
  readonly service?: Service
  readonly consumer?: string
  readonly waitsFor?: string
  readonly type?: string
  readonly since?: string
}

const examples = `
An event waits where its version is not known yet, where another event must come first, or for a person. It is tried again
by itself: at once when what it waits for is there, and every minute.

Examples:
  csr parked list
  csr parked list --service profile --waits-for version:ingest.session.completed.v2 --json
  csr parked release profile-on-session-completed EVENT-ID`

export function create(): Command {
  const parked = createCommand('csr parked')
    .description('Events that wait in a service: as metadata, never their content.')
    .addHelpText('after', examples)
  withStackOptions(parked.command('list'))
    .description('Lists what waits, and what for.')
    .addOption(new Option('--service <name>', 'one service; all unless told').choices([...services]))
    .option('--consumer <name>', 'one consumer')
    .option('--waits-for <key>', 'what it waits for')
    .option('--type <event type>', 'events of this type')
    .option('--since <time>', 'parked since then: RFC 3339, or how long ago, such as 30m, 2h or 3d', parseTime)
    .action(list)
  withStackOptions(parked.command('release'))
    .description('Has one tried now; where it must wait on, it does.')
    .argument('<consumer>', 'whose it is')
    .argument('<event-id>', 'id of the event')
    .action(release)
  return parked
}

async function list(options: ListOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { service: only, consumer, waitsFor, type, since } = options
  const items: (ParkedEvent & { readonly service: Service })[] = []
  for (const service of only === undefined ? services : [only]) {
    const found = await everyPage<ParkedEvent>((cursor) =>
      client.call(listParkedEvents(service), {
        token,
        query: { consumer, waitsFor, type, since, limit: 200, cursor },
      }),
    )
    items.push(...found.map((event) => ({ service, ...event })))
  }
  const rows = items.map((event) => [event.eventId, event.consumer, event.topic, event.waitsFor, event.parkedAt])
  printResult(options, { items }, describeRows(['event', 'consumer', 'topic', 'waits for', 'since'], rows))
}

async function release(consumer: string, eventId: string, options: StackOptions): Promise<void> {
  const service = services.find((name) => consumer.startsWith(`${name}-`))
  if (service === undefined)
    throw new Refusal(`${consumer} is no consumer: they begin with their service.`, { exitCode: 2 })
  const { client, token } = await asOperator(openStack(options))
  const released = await client.call(releaseParkedEvent(service), { token, params: { consumer, eventId } })
  printResult(options, released, 'tried now')
}
