import { existsSync, linkSync, mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'
import { explainFileError, Refusal } from './refusal.ts'
import { readJson } from './write-atomically.ts'

/** Where one stack keeps everything: servers' data, secrets, logs, and what describes it while it runs. */
export type DataDirectory = {
  readonly path: string
  readonly postgresDir: string
  readonly natsDir: string
  /** what one node of a cluster stores, in a folder of its own */
  readonly natsNodeDir: (node: number) => string
  readonly secretsDir: string
  readonly logsDir: string
  readonly stackFile: string
  readonly registryFile: string
  readonly portsFile: string
  readonly demoFile: string
}

/** The paths inside a data directory; nothing is touched. */
export function dataDirectory(path: string): DataDirectory {
  const root = resolve(path)
  return {
    path: root,
    postgresDir: join(root, 'postgres'),
    natsDir: join(root, 'nats'),
    natsNodeDir: (node) => join(root, `nats-cluster-${node + 1}`),
    secretsDir: join(root, 'secrets'),
    logsDir: join(root, 'logs'),
    stackFile: join(root, 'stack.json'),
    registryFile: join(root, 'processes.json'),
    portsFile: join(root, 'ports.json'),
    demoFile: join(root, 'demo.json'),
  }
}

/** Makes the directory (0700) with its logs folder. */
export function createDataDirectory(directory: DataDirectory): void {
  try {
    mkdirSync(directory.path, { recursive: true, mode: 0o700 })
    mkdirSync(directory.logsDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw explainFileError(withTrueCode(error, directory.path), directory.path)
  }
}

// Making a path of folders on a read-only file system fails as if the path were missing; making one of them tells why.
function withTrueCode(error: unknown, path: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error
  let missing = path
  while (!existsSync(dirname(missing))) missing = dirname(missing)
  try {
    mkdirSync(missing)
    return error
  } catch (reason) {
    return reason
  }
}

/** The process that holds the directory now, or null where nobody does. */
export function holderOf(directory: DataDirectory): ProcessIdentity | null {
  const holder = readJson(lockFile(directory)) as ProcessIdentity | null
  return holder !== null && isAlive(holder) ? holder : null
}

/**
 * Takes the directory for this process, or refuses and names the process that has it. The lock is a hard link, made
 * whole or not at all; a lock whose process is gone counts for nothing. Returns the release.
 */
export function lockDataDirectory(directory: DataDirectory): () => void {
  const self = identify(process.pid)
  if (self === null) throw new Error('this process has no start time')
  const lock = lockFile(directory)
  const own = `${lock}.${process.pid}`
  try {
    writeFileSync(own, JSON.stringify(self), { mode: 0o600 })
    take(directory, own)
  } catch (error) {
    throw explainFileError(error, directory.path)
  } finally {
    rmSync(own, { force: true })
  }
  return () => {
    if (holderOf(directory)?.pid === process.pid) rmSync(lock, { force: true })
  }
}

function take(directory: DataDirectory, own: string): void {
  const lock = lockFile(directory)
  if (!linked(own, lock)) {
    refuseIfHeld(directory)
    unlinkSync(lock)
    if (!linked(own, lock)) refuseIfHeld(directory)
  }
  // Two starts may have cleared the same dead lock, one after the other: the last link counts.
  if (holderOf(directory)?.pid !== process.pid) refuseIfHeld(directory)
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function refuseIfHeld(directory: DataDirectory): void {
  const holder = holderOf(directory)
  if (holder === null) return
  throw new Refusal(
    `The data directory ${directory.path} is in use by process ${holder.pid}. ` +
      'Stop that stack first, or choose another directory with --data-dir.',
  )
}

const lockFile = (directory: DataDirectory) => join(directory.path, 'supervisor.lock')
