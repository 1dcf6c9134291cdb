import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { createCommand } from './command-line.ts'

export type StartOptions = {
  readonly dataDir: string
  readonly portBase: number
  /** false leaves the sample data out; tenant, endpoints and users are made all the same */
  readonly demo: boolean
  readonly ephemeral: boolean
  readonly mode: 'development' | 'production'
}

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
      new Option('--port-base <n>', 'first of eight ports in a row: the gateway, six services, metrics')
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
    .addHelpText('after', help)
    .action((options: StartOptions) => start(options))
}

const help = `
With DATABASE_URL and KEYS_DATABASE_URL (roles that may create databases and roles) or NATS_URL set, that server is
used and none is started.

Examples:
  npm start
  npm start -- --port-base 4000 --data-dir /var/tmp/csr
  npm start -- --ephemeral --no-demo`

function parsePortBase(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1_024 || port > 65_528) {
    throw new InvalidArgumentError('It is a whole number from 1024 to 65528.')
  }
  return port
}
