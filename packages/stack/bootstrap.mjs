// The one program that runs on the machine's own Node (20 or newer), without any dependency: installs what is missing and
// then runs the wanted command on the Node that the installation brought.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InstallRefused } from './src/install/explain.mjs'
import { installServers, installWorkspace } from './src/install/workspace.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** `servers`: PostgreSQL and nats-server are checked, and fetched, before the command starts. */
const commands = {
  start: { entry: 'packages/stack/src/start.ts', servers: true },
  dev: { entry: 'packages/stack/src/dev.ts', servers: true },
  test: { entry: 'packages/testkit/src/run-tests.ts', servers: true },
  bench: { entry: 'load/bench.ts', servers: true },
  chaos: { entry: 'load/chaos.ts', servers: true },
  check: { entry: 'packages/stack/src/check.ts', servers: false },
  generate: { entry: 'packages/stack/src/generate.ts', servers: false },
  csr: { entry: 'packages/cli/src/csr.ts', servers: false },
  containers: { entry: 'packages/stack/src/prepare-containers.ts', servers: false },
  logs: { entry: 'packages/stack/src/logs.ts', servers: false },
  reset: { entry: 'packages/stack/src/reset.ts', servers: false },
  clean: { entry: 'packages/stack/src/clean.ts', servers: false },
}

/** Signals this soon after the first are the same request: npm and the terminal both send one. */
const oneRequestMs = 5000

await main(process.argv.slice(2))

async function main([name, ...args]) {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) {
    refuse(
      `Node ${process.versions.node} is too old: 20 or newer is needed to set up (the project brings its own for the rest).`,
    )
  }
  const command = commands[name ?? '']
  if (command === undefined) refuse(`Commands: ${Object.keys(commands).join(', ')}. For instance: npm start`, 2)
  if (process.platform === 'win32') refuse('Windows is not supported; use the Windows Subsystem for Linux.')
  const environment = childEnvironment()
  try {
    await installWorkspace({ root, environment, say })
    if (command.servers) await installServers({ root, environment, say })
  } catch (error) {
    if (error instanceof InstallRefused) refuse(error.message)
    throw error
  }
  process.exit(await run(command.entry, args, environment))
}

function childEnvironment() {
  const path = [join(root, 'node_modules/.bin'), process.env.PATH].filter(Boolean).join(delimiter)
  const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, '.cache/compiled')
  return { ...process.env, PATH: path, NODE_COMPILE_CACHE: compiled }
}

/**
 * Runs the entry in a process group of its own, so that Ctrl-C reaches it once and through here; hands signals on, waits,
 * and returns its exit code. The channel tells it when this process is killed.
 */
function run(entry, args, env) {
  if (!existsSync(join(root, entry))) refuse(`${entry} does not exist in this checkout.`)
  const ends = fileURLToPath(new URL('./src/install/end-with-parent.mjs', import.meta.url))
  const child = spawn(join(root, 'node_modules/.bin/node'), ['--import', ends, join(root, entry), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
    env,
  })
  let firstMs = null
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const nowMs = performance.now()
      if (firstMs !== null && nowMs - firstMs < oneRequestMs) return
      firstMs ??= nowMs
      child.kill(signal)
    })
  }
  process.on('SIGWINCH', () => child.kill('SIGWINCH'))
  return new Promise((resolve) => {
    child.once('error', (error) => refuse(`The project's own Node cannot be run: ${error.message}`))
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function refuse(message, code = 1) {
  say(message)
  process.exit(code)
}
