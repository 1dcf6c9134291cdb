import { createCommand } from '@csr/stack/command-line'
import { describeSamples } from '@csr/stack/describe-samples'
import { createProgress } from '@csr/stack/progress'
import { Refusal } from '@csr/stack/refusal'
import { runSamples } from '@csr/stack/samples/run-samples'
import type { Command } from 'commander'
import { openStack, withStackOptions, type StackOptions } from '../result.ts'

const examples = `
What is sent has ids of its own: a second run sends the same, and nothing is there twice. With --json the document is
the same at every run, whatever was stopped or killed on the way.

Examples:
  csr samples
  csr samples --json | jq .deliveries`

export function create(): Command {
  return withStackOptions(createCommand('csr samples'))
    .description('Sends synthetic data of all three partners to the demo tenant, waits for its effects and shows them.')
    .addHelpText('after', examples)
    .action(loadSamples)
}

async function loadSamples(options: StackOptions): Promise<void> {
  const { gateway, demo } = openStack(options)
  if (demo === null) throw new Refusal('This stack has no demo tenant; it is made in development mode only.')
  const step = createProgress().step('samples')
  const ending = new AbortController()
  process.once('SIGINT', () => ending.abort(new Refusal('Stopped. Run it again to go on.')))
  try {
    const report = await runSamples(gateway, demo, { signal: ending.signal, onProgress: (text) => step.detail(text) })
    step.done()
    const words = `\n${describeSamples(report, process.stdout.isTTY)}`
    process.stdout.write(options.json === true ? `${JSON.stringify(report.result)}\n` : words)
    if (!report.audit.verified) process.exitCode = 1
  } catch (error) {
    step.failed()
    throw error
  }
}
