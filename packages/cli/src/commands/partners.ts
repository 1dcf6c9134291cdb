import { partner as partners, type Partner } from '@csr/contracts/events/ingest'
import { createEndpoint, listEndpoints } from '@csr/contracts/http/ingest'
import { createCommand } from '@csr/stack/command-line'
import type { AnswerOf } from '@csr/stack/gateway-client'
import { Argument, type Command } from 'commander'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asCompany, tenantOf } from '../tokens.ts'

type PartnerOptions = StackOptions & { readonly tenant?: string; readonly programme?: string }
type Page = AnswerOf<typeof listEndpoints>

const examples = `
Examples:
  csr partners add kintell --programme "Language evenings"
  csr partners list --tenant T --json`

export function create(): Command {
  const command = createCommand('csr partners')
    .description("Adds and lists a tenant's endpoints: one is where one partner sends its webhooks.")
    .addHelpText('after', examples)
  withTenant(command.command('add'))
    .description('Makes an endpoint and prints its address and its secret, which is shown this once.')
    .addArgument(new Argument('<partner>', 'who will send').choices(partners.options))
    .option('--programme <name>', 'stands in where a report names none')
    .action(addEndpoint)
  withTenant(command.command('list')).description('Lists the endpoints, newest first.').action(printEndpoints)
  return command
}

const withTenant = (command: Command) =>
  withStackOptions(command).option('--tenant <id>', 'whose endpoints (the demo tenant)')

async function addEndpoint(partner: Partner, options: PartnerOptions): Promise<void> {
  const stack = openStack(options)
  const { client, token } = await asCompany(stack, tenantOf(stack, options.tenant))
  const { programme } = options
  const body = programme === undefined ? { partner } : { partner, programme }
  const made = await client.call(createEndpoint, { token, body })
  const webhookUrl = `${stack.gateway}${made.webhookPath}`
  printResult(options, { ...made, webhookUrl }, `${webhookUrl}\n${made.secret}`)
}

async function printEndpoints(options: PartnerOptions): Promise<void> {
  const stack = openStack(options)
  const { client, token } = await asCompany(stack, tenantOf(stack, options.tenant))
  const items: Page['items'] = []
  let cursor: string | null = null
  do {
    const page: Page = await client.call(listEndpoints, { token, query: { limit: 200, cursor } })
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  const rows = items.map(({ id, partner, programme, createdAt }) => [id, partner, programme ?? '', createdAt])
  printResult(options, { items }, describeRows(['id', 'partner', 'programme', 'created'], rows))
}
