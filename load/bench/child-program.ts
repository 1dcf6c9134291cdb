import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Where a program of the project stands, seen from this folder. */
export const programPath = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Runs a program of the project; what it says is not listened to. */
export function startProgram(path: string, options: Pick<SpawnOptions, 'env'>): ChildProcess {
  return spawn(process.execPath, [programPath(path)], { stdio: ['ignore', 'ignore', 'inherit'], ...options })
}

/** Asks it to end and waits for that. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}
