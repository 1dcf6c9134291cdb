import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { sendSignal } from './process-identity.ts'
import type { RunningProcess } from './supervised-process.ts'

/** What to execute. */
export type Launch = {
  readonly command: string
  readonly args: readonly string[]
  /** the whole environment; nothing is inherited */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/**
 * Spawns a program in a process group of its own, with an IPC channel: the program ends by itself when the channel
 * closes, that is, when whoever spawned it is gone. It writes to the log file itself, not to a pipe, so that it can still
 * say why it ends.
 */
export async function spawnChild(launch: Launch, logPath: string): Promise<RunningProcess> {
  const log = openSync(logPath, 'a', 0o600)
  try {
    const child = spawn(launch.command, launch.args, {
      detached: true,
      cwd: launch.cwd,
      env: withoutUndefined(launch.env),
      stdio: ['ignore', log, log, 'ipc'],
    })
    if (child.pid === undefined) {
      const [error] = await once(child, 'error')
      throw error
    }
    return observe(child, child.pid)
  } finally {
    closeSync(log)
  }
}

function observe(child: ChildProcess, pid: number): RunningProcess {
  let gone = false
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = true
      resolve({ code, signal })
    })
  })
  // A signal that cannot be sent, or a message to a channel that just closed; the exit itself is told by `exited`.
  child.on('error', () => {})
  const kill = async () => {
    if (!gone) sendSignal(-pid, 'SIGKILL')
    await exited
  }
  return {
    pid,
    exited,
    async stop(limitMs) {
      if (!gone) sendSignal(pid, 'SIGTERM')
      const timer = new AbortController()
      await Promise.race([exited, delay(limitMs, undefined, { signal: timer.signal }).catch(() => {})])
      timer.abort()
      await kill()
    },
    force: kill,
  }
}

function withoutUndefined(env: Launch['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined))
}
