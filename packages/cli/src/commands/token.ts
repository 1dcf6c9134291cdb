import { Role } from '@csr/contracts/permissions'
import { platformTenantId } from '@csr/contracts/services'
import { createCommand } from '@csr/stack/command-line'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { tenantOf } from '../tokens.ts'

type TokenOptions = StackOptions & {
  readonly tenant?: string
  readonly role: Role
  readonly subject?: string
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
}

const examples = `
Examples:
  csr token --role company_admin                                the demo tenant's administrator
  csr token --tenant T --role participant --subject PROFILE
  csr token --role auditor --claims '{"exp":null}'              without an expiry, to see it refused
  curl -H "authorization: Bearer $(csr token --role company_admin)" http://127.0.0.1:3000/v1/me`

export function create(): Command {
  return withStackOptions(createCommand('csr token'))
    .description('Prints an access token, alone on its line. There in development mode only.')
    .option('--tenant <id>', 'whose tenant (the demo tenant, or the platform for platform_admin)')
    .addOption(new Option('--role <role>', 'what the bearer may do').choices(Object.values(Role)).makeOptionMandatory())
    .option('--subject <profile>', 'the person the bearer is, for the role participant')
    .option('--claims <json>', 'merged over the claims that would be signed; null removes', parseMembers)
    .option('--header <json>', 'merged over the header that would be signed; null removes', parseMembers)
    .addHelpText('after', examples)
    .action(printToken)
}

async function printToken(options: TokenOptions): Promise<void> {
  const stack = openStack(options)
  const operator = options.role === 'platform_admin' && options.tenant === undefined
  const { role, subject, claims, header } = options
  const tenantId = operator ? platformTenantId : tenantOf(stack, options.tenant)
  const token = await createGatewayClient(stack.gateway).token({ tenantId, role, subject, claims, header })
  printResult(options, { token }, token)
}

function parseMembers(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    throw new InvalidArgumentError('It is not JSON.')
  }
  throw new InvalidArgumentError('It is not a JSON object.')
}
