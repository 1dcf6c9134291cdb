import { createCommand } from '@csr/stack/command-line'
import { confirm } from '@csr/stack/confirm'
import { MigratedDatabase, migrateDown, migrateUp, migrationStatus, type MigrationTargets } from '@csr/stack/migrate'
import { Refusal } from '@csr/stack/refusal'
import { Option, type Command } from 'commander'
import { describeRows, openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'

type DownOptions = StackOptions & { readonly database: MigratedDatabase; readonly yes?: boolean }

const examples = `
With DATABASE_URL and KEYS_DATABASE_URL set (as csr_owner), those databases are meant instead of the running stack's.

Examples:
  csr migrate status
  csr migrate up
  csr migrate down --database csr --yes`

export function create(): Command {
  const migrate = createCommand('csr migrate')
    .description('The schemas of both databases: csr and csr_keys.')
    .addHelpText('after', examples)
  withStackOptions(migrate.command('up')).description('Applies what is not applied yet.').action(up)
  withStackOptions(migrate.command('down'))
    .description('Takes the latest migration of one database back, with what it holds.')
    .addOption(new Option('--database <name>', 'which one').choices(Object.values(MigratedDatabase)).default('csr'))
    .option('--yes', 'do not ask')
    .action(down)
  withStackOptions(migrate.command('status'))
    .description('Lists the migrations; 1 where some are missing.')
    .action(status)
  return migrate
}

async function up(options: StackOptions): Promise<void> {
  const applied = await migrateUp(targets(options))
  printResult(options, { applied }, applied.length === 0 ? 'nothing to apply' : applied.join('\n'))
}

async function down(options: DownOptions): Promise<void> {
  const url = targets(options)[options.database]
  if (options.yes !== true) await confirm(`Take back the latest migration of ${options.database}? Its data is lost.`)
  const file = await migrateDown(options.database, url)
  printResult(options, { file }, file === '' ? 'nothing to take back' : file)
}

async function status(options: StackOptions): Promise<void> {
  const migrations = await migrationStatus(targets(options))
  const rows = migrations.map(({ database, file, applied }) => [database, file, applied ? 'applied' : 'missing'])
  printResult(options, { migrations }, describeRows(['database', 'migration', 'state'], rows))
  const missing = migrations.filter(({ applied }) => !applied)
  if (missing.length > 0) throw new Refusal(`${missing.length} migrations are not applied: csr migrate up.`)
}

function targets(options: StackOptions): MigrationTargets {
  const { DATABASE_URL: csr, KEYS_DATABASE_URL: keys } = process.env
  if (csr && keys) return { csr, csr_keys: keys }
  const stack = openStack(options)
  return { csr: stack.postgres.url, csr_keys: stack.keysDatabase.url }
}
