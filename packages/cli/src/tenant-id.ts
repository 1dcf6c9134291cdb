import { InvalidArgumentError, type Command } from 'commander'
import { withStackOptions } from './result.ts'

/** A command about one tenant, named by its id. */
export function withTenantId(command: Command): Command {
  return withStackOptions(command).argument('<id>', 'id of the tenant; csr tenants list shows them', parseId)
}

export function parseId(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text
  throw new InvalidArgumentError('It is not an id.')
}
