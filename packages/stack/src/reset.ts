import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createCommand, runCommandLine } from './command-line.ts'
import { confirm } from './confirm.ts'
import { dataDirectory, holderOf, type DataDirectory } from './data-directory.ts'
import { endLeftBehind } from './process-registry.ts'
import { Refusal } from './refusal.ts'
import { dataDirOption } from './start-options.ts'

/** `npm run reset`: empties the data directory, secrets included. Asks first. */
const command = createCommand('npm run reset --')
  .description('Empties the data directory: databases, streams, secrets, logs. Asks first.')
  .addOption(dataDirOption())
  .option('--yes', 'do not ask', false)
  .addHelpText('after', '\nExample:\n  npm run reset -- --yes')
  .action(reset)
await runCommandLine(command, process.argv.slice(2))

async function reset({ dataDir, yes }: { dataDir: string; yes: boolean }): Promise<void> {
  const directory = dataDirectory(dataDir)
  if (!existsSync(directory.path) || readdirSync(directory.path).length === 0) {
    process.stderr.write(`${directory.path} is empty.\n`)
    return
  }
  refuseForeign(directory)
  refuseInUse(directory)
  if (!yes) await confirm(`Delete everything in ${directory.path}?`)
  await endLeftBehind(directory.registryFile)
  refuseInUse(directory)
  for (const name of readdirSync(directory.path)) rmSync(join(directory.path, name), { recursive: true, force: true })
  process.stderr.write(`${directory.path} is empty now.\n`)
}

// A mistyped --data-dir must not cost somebody a folder of another kind.
function refuseForeign(directory: DataDirectory): void {
  if ([directory.postgresDir, directory.secretsDir, directory.logsDir].some((path) => existsSync(path))) return
  throw new Refusal(`${directory.path} does not look like a data directory; nothing was done.`)
}

function refuseInUse(directory: DataDirectory): void {
  const holder = holderOf(directory)
  if (holder !== null) throw new Refusal(`A stack runs on ${directory.path} (process ${holder.pid}). Stop it first.`)
}
