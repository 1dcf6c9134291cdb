import { listSigningKeys, rotateSigningKey } from '@csr/contracts/http/gateway'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import type { Command } from 'commander'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

const examples = `
Examples:
  csr keys status
  csr keys rotate --signing      another key signs access tokens; the old one verifies until all of its tokens have expired`

export function create(): Command {
  const keys = createCommand('csr keys').description('Shows and rotates keys.').addHelpText('after', examples)
  withStackOptions(keys.command('status'))
    .description('Lists the keys that sign access tokens, with their state.')
    .action(printKeys)
  withStackOptions(keys.command('rotate'))
    .description('Lets the next key take over, once it has been public long enough for every verifier to know it.')
    .option('--signing', 'the key that signs access tokens')
    .action(rotate)
  return keys
}

async function printKeys(options: StackOptions): Promise<void> {
  const { client, token } = await asOperator(openStack(options))
  const { items } = await client.call(listSigningKeys, { token })
  const rows = items.map(({ kid, state, publishedAt, activeFrom, retiresAt }) => [
    ...[kid, state, publishedAt, activeFrom ?? '', retiresAt ?? ''],
  ])
  printResult(
    options,
    { signing: items },
    describeRows(['key', 'state', 'published', 'signs from', 'refused from'], rows),
  )
}

async function rotate(options: StackOptions & { readonly signing?: boolean }): Promise<void> {
  if (options.signing !== true) throw new Refusal('Say which key: --signing.', { exitCode: 2 })
  const { client, token } = await asOperator(openStack(options))
  const rotated = await client.call(rotateSigningKey, { token })
  const { toKid, activeFrom, fromKid, retiresAt } = rotated
  printResult(options, rotated, `${toKid} signs from ${activeFrom}; ${fromKid} is refused from ${retiresAt}`)
}
