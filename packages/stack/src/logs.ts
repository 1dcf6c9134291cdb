import { Argument } from 'commander'
import { createCommand, runCommandLine } from './command-line.ts'
import { dataDirectory } from './data-directory.ts'
import { followFile, lastLines } from './follow-file.ts'
import { logFile } from './log-files.ts'
import { Refusal } from './refusal.ts'
import { loggedPrograms } from './replicas.ts'
import { dataDirOption } from './start-options.ts'

type LogsOptions = { readonly dataDir: string; readonly lines: number; readonly follow: boolean }

const help = `
Examples:
  npm run logs -- profile
  npm run logs -- postgres --lines 200 --no-follow`

/** `npm run logs -- <service>`: the end of one program's log, and what is added to it. */
const command = createCommand('npm run logs --')
  .description("Prints the end of one program's log and follows it until stopped (Ctrl-C).")
  .addArgument(new Argument('<program>', 'a service or a server').choices(loggedPrograms))
  .addOption(dataDirOption())
  .option('--lines <n>', 'how many lines of it first', Number, 50)
  .option('--no-follow', 'end there')
  .addHelpText('after', help)
  .action(printLog)
await runCommandLine(command, process.argv.slice(2))

async function printLog(program: string, options: LogsOptions): Promise<void> {
  const path = logFile(dataDirectory(options.dataDir).logsDir, program)
  const end = lastLines(path, options.lines)
  if (end === null) throw new Refusal(`${program} has written no log yet: there is no ${path}.`, { exitCode: 3 })
  process.stdout.write(end.text)
  if (!options.follow) return
  process.on('SIGINT', () => process.exit(0))
  await followFile(path, end.size, (text) => process.stdout.write(text))
}
