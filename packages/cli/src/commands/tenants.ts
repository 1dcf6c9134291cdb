import { suspensionReason, type SuspensionReason } from '@csr/contracts/events/tenants'
import {
  closeTenant,
  createTenant,
  getTenant,
  handOverTenant,
  keepTenant,
  listTenants,
  resumeTenant,
  suspendTenant,
  type Tenant,
  type TenantDetail,
} from '@csr/contracts/http/tenants'
import { createCommand } from '@csr/stack/command-line'
import { confirm } from '@csr/stack/confirm'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { everyPage } from '../every-page.ts'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { parseId, withTenantId } from '../tenant-id.ts'
import { asOperator } from '../tokens.ts'
import { addInvitationCommands, describeInvited } from './tenant-invitations.ts'

type Sure = StackOptions & { readonly yes?: boolean }

const examples = `
Examples:
  csr tenants add "Example company" --invite admin@example.org
  csr tenants suspend ID --reason unpaid
  csr tenants resume ID
  csr tenants hand-over ID --email new.admin@example.org
  csr tenants close ID --dry-run
  csr tenants close ID --yes        in 30 days; csr tenants keep ID takes it back

Nothing is sent by mail: the token of an invitation is printed once, to be handed on.`

export function create(): Command {
  const tenants = createCommand('csr tenants')
    .description('A tenant from its beginning to its end.')
    .addHelpText('after', examples)
  withStackOptions(tenants.command('add'))
    .description('Makes a tenant with a key of its own and prints its id.')
    .argument('<name>', "the company's name")
    .option(
      '--invite <email>',
      'invites its first administrator in the same act; the address is noted, nothing is sent',
    )
    .action(addTenant)
  withStackOptions(tenants.command('list')).description('Lists all tenants, newest first.').action(printTenants)
  withTenantId(tenants.command('show'))
    .description('Shows a tenant: its state, its administrators, and how much would end with it.')
    .action(showTenant)
  addLifeCommands(tenants)
  addInvitationCommands(tenants)
  return tenants
}

function addLifeCommands(tenants: Command): void {
  withTenantId(tenants.command('suspend'))
    .description('Suspends: within a minute nothing of it is answered on any port. What was accepted is worked off.')
    .addOption(new Option('--reason <reason>', 'why').choices(suspensionReason.options).makeOptionMandatory())
    .option('--yes', 'do not ask')
    .action(suspend)
  withTenantId(tenants.command('resume'))
    .description('Resumes: sessions, tokens and machine clients go on where they have not expired meanwhile.')
    .action(resume)
  withTenantId(tenants.command('hand-over'))
    .description('Moves the administration to a member, or to whoever accepts the invitation this prints.')
    .option('--from <account>', 'who loses the role, where there are several administrators', parseId)
    .option('--to <account>', 'a member; without it somebody new is invited', parseId)
    .option('--email <address>', 'noted with the invitation')
    .option('--yes', 'do not ask')
    .action(handOver)
  withTenantId(tenants.command('close'))
    .description(
      'Asks for the end: after a waiting time access ends for good and every key of the tenant is destroyed.',
    )
    .option('--wait-days <days>', 'the waiting time, 0 to 365, unless the 30 days of the settings will do', parseDays)
    .option('--dry-run', 'say what would end, and change nothing')
    .option('--yes', 'do not ask')
    .action(close)
  withTenantId(tenants.command('keep'))
    .description('Takes back the wish to close, as long as it is not closed.')
    .action(keep)
}

async function addTenant(name: string, options: StackOptions & { readonly invite?: string }): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const administrator = options.invite === undefined ? {} : { administrator: { email: options.invite } }
  const tenant = await client.call(createTenant, { token, body: { name, ...administrator } })
  const { invitation } = tenant
  printResult(options, tenant, invitation ? `${tenant.id}\n${describeInvited(invitation)}` : tenant.id)
}

async function printTenants(options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const items = await everyPage<Tenant>((cursor) => client.call(listTenants, { token, query: { limit: 200, cursor } }))
  const rows = items.map(({ id, name, state, closesAt, createdAt }) => [id, name, state, closesAt ?? '', createdAt])
  printResult(options, { items }, describeRows(['id', 'name', 'state', 'closes', 'created'], rows))
}

async function showTenant(id: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const tenant = await client.call(getTenant, { token, params: { id } })
  printResult(options, tenant, describeTenant(tenant))
}

async function suspend(id: string, options: Sure & { readonly reason: SuspensionReason }): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { name } = await client.call(getTenant, { token, params: { id } })
  if (!options.yes) await confirm(`Suspend ${name} (${id})? Nobody of it gets in until it is resumed.`)
  const { reason } = options
  const tenant = await client.call(suspendTenant, { token, params: { id }, body: { reason } })
  printResult(options, tenant, `${id} suspended, ${tenant.suspendedFor}`)
}

async function resume(id: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const tenant = await client.call(resumeTenant, { token, params: { id } })
  printResult(options, tenant, `${id} ${tenant.state}`)
}

type HandOver = Sure & { readonly from?: string; readonly to?: string; readonly email?: string }

async function handOver(id: string, options: HandOver): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { name } = await client.call(getTenant, { token, params: { id } })
  const successor = options.to ?? 'whoever accepts the invitation'
  if (!options.yes) await confirm(`Hand the administration of ${name} (${id}) over to ${successor}?`)
  const body = { fromAccountId: options.from, toAccountId: options.to, email: options.email }
  const moved = await client.call(handOverTenant, { token, params: { id }, body })
  const said = 'invitation' in moved ? describeInvited(moved.invitation) : `handed over to ${moved.toAccountId}`
  printResult(options, moved, said)
}

async function close(
  id: string,
  options: Sure & { readonly waitDays?: number; readonly dryRun?: boolean },
): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const asked = { token, params: { id }, body: { waitDays: options.waitDays } }
  const planned = await client.call(closeTenant, { ...asked, query: { dryRun: 'true' } })
  if (options.dryRun)
    return printResult(options, planned, `would end at ${planned.closesAt}\n${describeTenant(planned)}`)
  if (!options.yes) await confirm(`${describeTenant(planned)}\n\nClose it for good at ${planned.closesAt}?`)
  const tenant = await client.call(closeTenant, asked)
  const said = tenant.closedAt === null ? `${id} closes at ${tenant.closesAt}` : `${id} closed at ${tenant.closedAt}`
  printResult(options, tenant, said)
}

async function keep(id: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const tenant = await client.call(keepTenant, { token, params: { id } })
  printResult(options, tenant, `${id} stays ${tenant.state}`)
}

function describeTenant({ administrators, ...tenant }: TenantDetail): string {
  const facts = Object.entries(tenant).map(([name, value]) => [name, String(value ?? '')])
  return describeRows(['field', 'value'], [...facts, ['administrators', administrators.join(' ') || 'none']])
}

function parseDays(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 365) throw new InvalidArgumentError('It is a whole number, 0 to 365.')
  return Number(text)
}
