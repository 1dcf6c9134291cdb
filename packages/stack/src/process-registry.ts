import { rmSync } from 'node:fs'
import { endProcesses, isAlive, type ProcessIdentity } from './process-identity.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

/**
 * What runs on behalf of a supervisor, on disk: written before anything else happens with a new process, so that
 * whoever comes after a killed supervisor finds all it left behind.
 */
export type RegisteredProcess = ProcessIdentity & {
  readonly name: string
  /** what asks it to end: PostgreSQL's fast shutdown is SIGINT */
  readonly stopSignal: NodeJS.Signals
  /** higher stages end first: services before the servers they talk to */
  readonly stage: number
}

export type Registry = { readonly supervisor: ProcessIdentity; readonly processes: readonly RegisteredProcess[] }

/** The registry of a directory, or null where there is none. */
export function readRegistry(file: string): Registry | null {
  return readJson(file) as Registry | null
}

export function writeRegistry(file: string, registry: Registry): void {
  writeAtomically(file, JSON.stringify(registry, null, 2))
}

/** How long a process left behind may take to end by itself before it is killed; a service drains in less. */
const limitMsPerStage = 8_000

/**
 * Ends what a supervisor that is gone left behind, highest stage first, and forgets it.
 * Returns the names of those that still ran; does nothing while that supervisor lives.
 */
export async function endLeftBehind(file: string): Promise<readonly string[]> {
  const registry = readRegistry(file)
  if (registry === null || isAlive(registry.supervisor)) return []
  const left = registry.processes.filter(isAlive)
  const stages = [...new Set(left.map((one) => one.stage))].toSorted((a, b) => b - a)
  for (const stage of stages) {
    const members = left.filter((one) => one.stage === stage)
    await Promise.all(members.map((one) => endProcesses([one], { signal: one.stopSignal, limitMs: limitMsPerStage })))
  }
  const now = readRegistry(file)
  if (now !== null && sameSupervisor(now, registry)) rmSync(file, { force: true })
  return left.map((one) => one.name)
}

function sameSupervisor(one: Registry, other: Registry): boolean {
  return one.supervisor.pid === other.supervisor.pid && one.supervisor.startedAt === other.supervisor.startedAt
}
