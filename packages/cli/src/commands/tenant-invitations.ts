import {
  inviteIntoTenant,
  listTenantInvitations,
  renewTenantInvitation,
  withdrawTenantInvitation,
} from '@csr/contracts/http/invitations'
import type { AnswerOf } from '@csr/stack/gateway-client'
import { Option, type Command } from 'commander'
import { describeRows, openStack, printResult, type StackOptions } from '../result.ts'
import { parseId, withTenantId } from '../tenant-id.ts'
import { asOperator } from '../tokens.ts'

type Invited = AnswerOf<typeof inviteIntoTenant>

const roles = inviteIntoTenant.body.shape.role.options

/** `csr tenants invite|invitations|renew|withdraw` */
export function addInvitationCommands(tenants: Command): void {
  withTenantId(tenants.command('invite'))
    .description('Invites somebody into a tenant and prints the token to hand on.')
    .addOption(new Option('--role <role>', 'as what').choices(roles).default('company_admin'))
    .option('--email <address>', 'noted for the eyes of administrators; nothing is sent, and it binds nobody')
    .action(invite)
  withTenantId(tenants.command('invitations'))
    .description('Lists the invitations that wait to be accepted, newest first.')
    .action(printInvitations)
  withTenantId(tenants.command('renew'))
    .description('Gives an invitation another token and another 14 days; the token before it is dead.')
    .argument('<invitation>', 'id of the invitation', parseId)
    .action(renew)
  withTenantId(tenants.command('withdraw'))
    .description('Takes an invitation back.')
    .argument('<invitation>', 'id of the invitation', parseId)
    .action(withdraw)
}

export function describeInvited({ id, token, expiresAt }: Invited): string {
  return `invitation ${id}, good once until ${expiresAt}; its token is told only here:\n${token}`
}

async function invite(
  id: string,
  options: StackOptions & { readonly role: (typeof roles)[number]; readonly email?: string },
): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { role, email } = options
  const invited = await client.call(inviteIntoTenant, { token, params: { id }, body: { role, email } })
  printResult(options, invited, describeInvited(invited))
}

async function printInvitations(id: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { items } = await client.call(listTenantInvitations, { token, params: { id } })
  const rows = items.map((one) => [one.id, one.role, one.email ?? '', one.handsOverFrom ?? '', one.expiresAt])
  printResult(options, { items }, describeRows(['id', 'role', 'for', 'follows', 'until'], rows))
}

async function renew(id: string, invitationId: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const invited = await client.call(renewTenantInvitation, { token, params: { id, invitationId } })
  printResult(options, invited, describeInvited(invited))
}

async function withdraw(id: string, invitationId: string, options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  await client.call(withdrawTenantInvitation, { token, params: { id, invitationId } })
  printResult(options, { id: invitationId, withdrawn: true }, `${invitationId} withdrawn`)
}
