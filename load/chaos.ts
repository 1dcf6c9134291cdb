import { randomInt } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createCommand, runCommandLine } from '@csr/stack/command-line'
import { createProgress } from '@csr/stack/progress'
import { Refusal } from '@csr/stack/refusal'
import { ephemeralFolder } from '@csr/testkit/ephemeral'
import { InvalidArgumentError } from 'commander'
import { describeLedger, type Ledger } from './chaos/ledger.ts'
import { removeFolder } from './chaos/rig-stack.ts'
import { runScenario } from './chaos/run-scenario.ts'
import type { Scenario } from './chaos/scenario.ts'
import { scenarios } from './chaos/scenarios/scenarios.ts'

/** `npm run chaos`: breaks a system of its own under load and proves, or disproves, that nothing was lost, duplicated or stuck. */
const command = createCommand('npm run chaos --')
  .description('Breaks a system of its own under load and prints a ledger of what was lost, duplicated and stuck.')
  .argument('[name]', 'what is done to it; --list says what there is', 'short')
  .option('--seed <n>', 'repeats the workload, the faults and all choices of a run', wholeNumber)
  .option('--events <n>', 'messages at least; the load goes on as long as the faults do', wholeNumber)
  .option('--rate <n>', 'messages per second', wholeNumber)
  .option('--data-dir <dir>', 'a new or empty folder for this run; kept')
  .option('--keep', 'keep the attempt log, the data and the logs of the system')
  .option('--json', 'the ledger as one JSON document')
  .option('--list', 'what can be done to it')
  .addHelpText(
    'after',
    `
Results on stdout, progress on stderr. Exit code 0: nothing lost, duplicated or stuck, and every requirement holds.

Examples:
  npm run chaos
  npm run chaos -- kills --seed 7
  npm run chaos -- lost-store --keep --json > ledger.json
  npm run chaos -- long`,
  )
  .action(main)

type Options = {
  readonly seed?: number
  readonly events?: number
  readonly rate?: number
  readonly dataDir?: string
  readonly keep?: boolean
  readonly json?: boolean
  readonly list?: boolean
}

/** Everything but the short form, one after the other. */
const long = 'long'

const seedsBelow = 1_000_000

await runCommandLine(command, process.argv.slice(2))

async function main(name: string, options: Options): Promise<void> {
  if (options.list) return void process.stdout.write(describeScenarios(options.json === true))
  const wanted = name === long ? [...scenarios.values()].filter((one) => one.name !== 'short') : [find(name)]
  const kept = options.keep === true || options.dataDir !== undefined
  const passing = kept ? null : ephemeralFolder()
  const folder = resolve(passing?.dir ?? options.dataDir ?? mkdtempSync(join(tmpdir(), 'csr-chaos-')))
  const seed = options.seed ?? randomInt(seedsBelow)
  const ledgers: Ledger[] = []
  for (const scenario of wanted) {
    const place = wanted.length === 1 ? folder : join(folder, scenario.name)
    const ledger = await runScenario(scenario, {
      ...{ seed, folder: place, note: createProgress().note },
      ...(options.events !== undefined && { events: options.events }),
      ...(options.rate !== undefined && { perSecond: options.rate }),
    })
    if (!kept) removeFolder(place)
    ledgers.push({ ...ledger, folder: kept ? place : null })
    if (options.json !== true) process.stdout.write(describeLedger({ ...ledger, folder: kept ? place : null }))
  }
  if (options.json === true)
    process.stdout.write(`${JSON.stringify(name === long ? { ledgers } : ledgers[0], null, 2)}\n`)
  passing?.remove()
  process.exitCode = ledgers.every(({ passed }) => passed) ? 0 : 1
}

function find(name: string): Scenario {
  const scenario = scenarios.get(name)
  if (scenario) return scenario
  throw new Refusal(`There is no scenario ${name}, but ${[...scenarios.keys(), long].join(', ')}.`, { exitCode: 2 })
}

function describeScenarios(json: boolean): string {
  const others = { name: long, description: 'all of the others, one after the other' }
  const all = [...[...scenarios.values()].map(({ name, description }) => ({ name, description })), others]
  if (json) return `${JSON.stringify({ scenarios: all }, null, 2)}\n`
  return all.map(({ name, description }) => `${name.padEnd(18)} ${description}\n`).join('')
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.')
  return Number(text)
}
