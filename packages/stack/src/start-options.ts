import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { createCommand } from './command-line.ts'
import { natsNodesAllowed, replicasMax, type Replicas } from './replicas.ts'

export type StartOptions = {
  readonly dataDir: string
  readonly portBase: number
  /** false leaves the sample data out; tenant, endpoints and users are made all the same */
  readonly demo: boolean
  readonly ephemeral: boolean
  readonly mode: 'development' | 'production'
} & Replicas

export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

export const defaultDataDir = `${projectRoot}/.data`

/** `--data-dir`, as every command that finds a stack has it. */
export const dataDirOption = () =>
  new Option('--data-dir <dir>', 'where the stack keeps everything')
    .env('CSR_DATA_DIR')
    .default(defaultDataDir, '.data')

/** The command of `npm start` and `npm run dev`; the options are validated, `start` does the rest. */
export function startCommand(
  name: string,
  description: string,
  start: (options: StartOptions) => Promise<void>,
): Command {
  return createCommand(name)
    .description(description)
    .addOption(dataDirOption())
    .addOption(
      new Option(
        '--port-base <n>',
        'first of eight ports in a row: the gateway, six services, metrics; further replicas 10 above',
      )
        .env('CSR_PORT_BASE')
        .default(3000)
        .argParser(parsePortBase),
    )
    .option('--no-demo', 'leave the sample data out')
    .option('--ephemeral', 'use a new directory and delete it at the end', false)
    .addOption(
      new Option('--mode <mode>', 'how strict settings are')
        .env('CSR_MODE')
        .choices(['development', 'production'])
        .default('development'),
    )
    .addOption(
      new Option('--replicas <n>', 'processes of every service, to try a cluster on one computer')
        .env('CSR_REPLICAS')
        .default(1)
        .argParser((text) => wholeNumberAmong(text, replicaCounts)),
    )
    .addOption(
      new Option('--nats-nodes <n>', 'nodes of nats-server: 1, or a cluster of 3 that holds every stream three times')
        .env('CSR_NATS_NODES')
        .default(1)
        .argParser((text) => wholeNumberAmong(text, natsNodesAllowed)),
    )
    .addHelpText('after', help)
    .action((options: StartOptions) => start(options))
}

const help = `
With DATABASE_URL and KEYS_DATABASE_URL (roles that may create databases and roles) or NATS_URL set, that server is
used and none is started.

Examples:
  npm start
  npm start -- --port-base 4000 --data-dir /var/tmp/csr
  npm start -- --ephemeral --no-demo
  npm start -- --replicas 2 --nats-nodes 3      a cluster on one computer, with stream stores of its own`

const replicaCounts = Array.from({ length: replicasMax }, (_, index) => index + 1)

function wholeNumberAmong(text: string, allowed: readonly number[]): number {
  const count = Number(text)
  if (allowed.includes(count)) return count
  throw new InvalidArgumentError(`It is one of ${allowed.join(', ')}.`)
}

function parsePortBase(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1_024 || port > 65_528) {
    throw new InvalidArgumentError('It is a whole number from 1024 to 65528.')
  }
  return port
}
