import { createCommand, runCommandLine } from '@csr/stack/command-line'
import type { Command } from 'commander'

/*
 * The operator's command line: `csr <command>`. A command's file is loaded when it is called, so that each starts as
 * quickly as the least of them.
 */
type Listed = { readonly summary: string; load(): Promise<{ create(): Command }> }

const commands: Readonly<Record<string, Listed>> = {
  doctor: { summary: 'looks whether everything is as it should be', load: () => import('./commands/doctor.ts') },
  token: { summary: 'prints an access token (development mode)', load: () => import('./commands/token.ts') },
  tenants: {
    summary: 'makes, staffs, suspends, hands over and closes tenants',
    load: () => import('./commands/tenants.ts'),
  },
  partners: { summary: "adds and lists a tenant's partner endpoints", load: () => import('./commands/partners.ts') },
  webhook: { summary: 'signs a webhook, or sends it', load: () => import('./commands/webhook.ts') },
  samples: {
    summary: 'sends the sample data and shows what becomes of it',
    load: () => import('./commands/samples.ts'),
  },
  import: { summary: 'imports a CSV file, or checks it', load: () => import('./commands/import.ts') },
  audit: { summary: 'verifies, exports and proves the log', load: () => import('./commands/audit.ts') },
  streams: { summary: 'plans, applies, shows and keeps the streams', load: () => import('./commands/streams.ts') },
  outbox: {
    summary: 'shows what waits to be sent, and sends events again',
    load: () => import('./commands/outbox.ts'),
  },
  dlq: { summary: 'dead letters: lists, groups, replays, discards', load: () => import('./commands/dlq.ts') },
  parked: { summary: 'lists and releases events that wait', load: () => import('./commands/parked.ts') },
  waf: { summary: 'says what the firewall does with a text, and why', load: () => import('./commands/waf.ts') },
  keys: { summary: 'shows and rotates the keys of access tokens', load: () => import('./commands/keys.ts') },
  migrate: { summary: 'applies, takes back and lists migrations', load: () => import('./commands/migrate.ts') },
}

const [name = '', ...rest] = process.argv.slice(2)
const called = Object.hasOwn(commands, name) ? commands[name] : undefined
if (called === undefined) await runCommandLine(overview(), process.argv.slice(2))
else await runCommandLine((await called.load()).create(), rest)

function overview(): Command {
  const csr = createCommand('csr')
    .description("The operator's command line of CSR Backbone.")
    .usage('<command> [options]')
  for (const [command, { summary }] of Object.entries(commands)) csr.command(command).description(summary)
  return csr.addHelpText(
    'after',
    '\nEvery command has --help.\n\nExit codes: 0 done, 1 refused or found wanting, 2 usage, 3 no stack.',
  )
}
