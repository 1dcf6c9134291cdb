import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommandLine } from './command-line.ts'
import { createProgress, type Progress } from './progress.ts'
import { Stack } from './stack.ts'
import { startCommand, type StartOptions } from './start-options.ts'
import { untilStopped } from './stop-requests.ts'
import { describeStack } from './summary.ts'

/** `npm start`: everything up, a summary, the ready line last on stdout; then it stays until it is asked to stop. */
const command = startCommand('npm start --', 'Starts the whole backbone and stays until stopped (Ctrl-C).', start)
await runCommandLine(command, process.argv.slice(2))

async function start(given: StartOptions): Promise<void> {
  const progress = createProgress()
  const options = given.ephemeral ? { ...given, dataDir: ephemeralDirectory(progress) } : given
  const stack = new Stack(options, { progress, environment: process.env })
  await untilStopped(stack, {
    progress,
    ready: (document) => {
      process.stdout.write(describeStack(document, stack.samples, process.stdout.isTTY))
      process.stdout.write(`CSR Backbone is ready: ${document.gateway}\n`)
    },
  })
}

function ephemeralDirectory(progress: Progress): string {
  const path = mkdtempSync(join(tmpdir(), 'csr-'))
  progress.note(`data directory, deleted at the end: ${path}`)
  return path
}
