import { runCommandLine } from './command-line.ts'
import { createProgress } from './progress.ts'
import { watchSources } from './source-watch.ts'
import { Stack } from './stack.ts'
import { startCommand, type StartOptions } from './start-options.ts'
import { untilStopped } from './stop-requests.ts'
import { describeStack } from './summary.ts'

/** `npm run dev`: the stack, and a service starts again when its files change. */
const command = startCommand('npm run dev --', 'Starts the backbone; a service restarts when its files change.', dev)
await runCommandLine(command, process.argv.slice(2))

async function dev(options: StartOptions): Promise<void> {
  const progress = createProgress()
  const stack = new Stack(options, { progress, environment: process.env })
  const restart = async (name: string): Promise<void> => {
    progress.note(`${name} changed`)
    await stack.restart(name)
  }
  await untilStopped(stack, {
    progress,
    ready: (document) => {
      process.stdout.write(describeStack(document, stack.samples, process.stdout.isTTY))
      process.stdout.write(`CSR Backbone is ready: ${document.gateway}\n`)
      watchSources(Stack.existing(), (name) => void restart(name))
    },
  })
}
