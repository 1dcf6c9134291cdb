import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcesses, identify, isAlive, sendSignal, type ProcessIdentity } from '@csr/stack/process-identity'

const prefix = 'csr-test-'
const holderFile = 'holder.json'
const serversFile = 'servers.json'

/** A folder for the servers of this process, with what must end when the process does. */
export type Ephemeral = {
  readonly dir: string
  /** a server that is ended with this process, whatever ends it; after a SIGKILL the next test process does it */
  readonly adopt: (pid: number, signal: NodeJS.Signals) => void
  readonly remove: () => void
}

/** Makes a folder that does not outlive this process, and clears those of processes that were killed. */
export function ephemeralFolder(): Ephemeral {
  sweepAbandoned()
  const dir = mkdtempSync(join(tmpdir(), prefix))
  writeFileSync(join(dir, holderFile), JSON.stringify(identify(process.pid)))
  const servers = new Map<number, Server>()
  const folder: Ephemeral = {
    dir,
    adopt(pid, signal) {
      const identity = identify(pid)
      if (identity === null) return
      servers.set(pid, { ...identity, signal })
      writeFileSync(join(dir, serversFile), JSON.stringify([...servers.values()]))
    },
    remove() {
      live.delete(folder)
      endNow([...servers.values()])
      removeFolder(dir)
    },
  }
  live.add(folder)
  watchForEnd()
  return folder
}

/** A SIGKILL, and the wait until the process is gone. */
export async function killNow(pid: number): Promise<void> {
  const identity = identify(pid)
  if (identity === null) return
  await endProcesses([identity], { signal: 'SIGKILL', limitMs: 5_000 })
}

type Server = ProcessIdentity & { readonly signal: NodeJS.Signals }

const live = new Set<Ephemeral>()
let watching = false

function watchForEnd(): void {
  if (watching) return
  watching = true
  process.on('exit', () => {
    for (const folder of [...live].toReversed()) folder.remove()
  })
  // A listener that stays: a second signal must not cut the clearing up short.
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    if (process.listenerCount(signal) === 0) process.on(signal, () => process.exit(128 + number))
  }
}

/** A whole stack may need this long for an orderly end; a server is gone at once. */
const endsWithinMs = 20_000

// Synchronous: runs while the process ends.
function endNow(servers: readonly Server[]): void {
  for (const server of servers) if (isAlive(server)) sendSignal(server.pid, server.signal)
  for (let waitedMs = 0; waitedMs < endsWithinMs && servers.some(isAlive); waitedMs += 10) pause(10)
  for (const server of servers) if (isAlive(server)) sendSignal(server.pid, 'SIGKILL')
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

function sweepAbandoned(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const dir = join(tmpdir(), name)
    try {
      if (statSync(dir).uid !== process.getuid?.()) continue
      const holder = JSON.parse(readFileSync(join(dir, holderFile), 'utf8')) as ProcessIdentity
      if (isAlive(holder)) continue
      endNow(readServers(dir))
      removeFolder(dir)
    } catch {
      continue
    }
  }
}

function readServers(dir: string): Server[] {
  try {
    return JSON.parse(readFileSync(join(dir, serversFile), 'utf8')) as Server[]
  } catch {
    return []
  }
}
