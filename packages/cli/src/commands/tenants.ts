import { createTenant, listTenants } from '@csr/contracts/http/tenants'
import { createCommand } from '@csr/stack/command-line'
import type { AnswerOf } from '@csr/stack/gateway-client'
import type { Command } from 'commander'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

type Tenant = AnswerOf<typeof createTenant>

const examples = `
Examples:
  csr tenants add "Example company"
  csr tenants list --json`

export function create(): Command {
  const tenants = createCommand('csr tenants').description('Adds and lists tenants.').addHelpText('after', examples)
  withStackOptions(tenants.command('add'))
    .description('Makes a tenant with a key of its own and prints its id.')
    .argument('<name>', "the company's name")
    .action(addTenant)
  withStackOptions(tenants.command('list')).description('Lists all tenants, newest first.').action(printTenants)
  return tenants
}

async function addTenant(name: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const tenant = await client.call(createTenant, { token, body: { name } })
  printResult(options, tenant, tenant.id)
}

async function printTenants(options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const items: Tenant[] = []
  let cursor: string | null = null
  do {
    const page: AnswerOf<typeof listTenants> = await client.call(listTenants, { token, query: { limit: 200, cursor } })
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  const rows = items.map(({ id, name, createdAt }) => [id, name, createdAt])
  printResult(options, { items }, describeRows(['id', 'name', 'created'], rows))
}
