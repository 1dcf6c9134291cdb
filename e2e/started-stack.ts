import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { identify, sendSignal } from '@csr/stack/process-identity'
import { readStackDocument, type StackDocument } from '@csr/stack/stack-document'
import { eventually } from '@csr/testkit/eventually'
import { claimPorts } from '@csr/testkit/port-block'

/** `npm start` as a process, or what it runs, started by a test. */
export type StartedStack = {
  readonly pid: number
  stdout(): string
  stderr(): string
  /** waits for the ready line and returns what stack.json says */
  ready(): Promise<StackDocument>
  /** the exit code once it has ended */
  exited(): Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Ctrl-C: to the whole group of the terminal */
  interrupt(): void
}

const root = fileURLToPath(new URL('..', import.meta.url))
const startFile = fileURLToPath(new URL('../packages/stack/src/start.ts', import.meta.url))

/** What a terminal gives, and compiled code that is kept between starts. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'NODE_COMPILE_CACHE']

export const readyLine = /^CSR Backbone is ready: (http:\/\/127\.0\.0\.1:\d+)$/

/**
 * Starts a stack on free ports; an ephemeral one where no directory is given. `through: 'npm'` is what a person does: npm
 * and the bootstrap stand before it.
 */
export async function startStack(options: {
  dataDir?: string
  through?: 'npm' | 'node'
  portBase?: number
  /** without the sample data where false */
  demo?: boolean
}): Promise<StartedStack> {
  const portBase = options.portBase ?? (await claimPorts()).base
  const where = options.dataDir === undefined ? ['--ephemeral'] : ['--data-dir', options.dataDir]
  const args = [...where, '--port-base', String(portBase), ...(options.demo === false ? ['--no-demo'] : [])]
  const [command, before] =
    options.through === 'npm' ? ['npm', ['start', '--silent', '--']] : [process.execPath, [startFile]]
  const child = spawn(command, [...before, ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  let code: number | null | undefined
  const exit = once(child, 'close').then(([exitCode]: (number | null)[]) => (code = exitCode ?? null))
  return {
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    exited: () => exit,
    kill: (signal) => void child.kill(signal),
    interrupt: () => sendSignal(-(child.pid ?? 0), 'SIGINT'),
    async ready() {
      await eventually(() => assert.ok(code !== undefined || /is ready: .*\n/.test(said.stdout)), {
        withinMs: 120_000,
        what: 'the ready line',
      })
      assert.equal(code, undefined, `it ended instead of becoming ready:\n${said.stderr}`)
      return readStackDocument(options.dataDir ?? ephemeralDirectory(said.stderr))
    },
  }
}

/** The directory that an ephemeral stack said it made. */
export function ephemeralDirectory(stderr: string): string {
  return /data directory, deleted at the end: (\S+)/.exec(stderr)?.[1] ?? ''
}

/** Every pid that stack.json names, by name. */
export function pidsOf(document: StackDocument): Map<string, number> {
  const pids = new Map<string, number | null>(
    Object.entries(document.services).map(([name, service]) => [name, service.pid]),
  )
  pids.set('keeper', document.keeper.pid).set('postgres', document.postgres.pid).set('nats', document.nats.pid)
  return new Map([...pids].filter((pair): pair is [string, number] => pair[1] !== null))
}

/** The names of those that still run. */
export function stillRunning(pids: ReadonlyMap<string, number>): string[] {
  return [...pids].filter(([, pid]) => identify(pid) !== null).map(([name]) => name)
}
