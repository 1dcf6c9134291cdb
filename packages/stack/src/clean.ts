import { existsSync, rmSync } from 'node:fs'
import { createCommand, runCommandLine } from './command-line.ts'
import { cacheFolders } from './install/cache.ts'

/** `npm run clean`: removes what can be fetched or made again. Data and node_modules stay. */
const command = createCommand('npm run clean --')
  .description('Removes caches: fetched servers, compiled code. Data stays; the next start fetches what it needs.')
  .action(clean)
await runCommandLine(command, process.argv.slice(2))

function clean(): void {
  for (const folder of cacheFolders()) {
    if (!existsSync(folder)) continue
    rmSync(folder, { recursive: true, force: true })
    process.stderr.write(`removed ${folder}\n`)
  }
}
