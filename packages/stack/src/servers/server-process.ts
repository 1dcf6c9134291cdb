import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sendSignal } from '../process-identity.ts'

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** What has to be executed for a server to run; nothing of the environment is inherited. */
export type ServerLaunch = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The environment servers run with: where programs are, and one language and time zone for their words. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

/** A server started as a direct child, in a process group of its own, writing to a log file. */
export type ServerProcess = {
  readonly pid: number
  /** resolves once, never rejects; the supervisor decides what an exit means */
  readonly exited: Promise<Exit>
  readonly hasExited: () => boolean
  /** what it wrote since this start, at most the last 8 KB */
  readonly logTail: () => string
  /** lets this process end although the server runs */
  readonly unref: () => void
  /** sends the signals in turn until it is gone, waiting `limitMs` after each but the last */
  readonly end: (signals: readonly NodeJS.Signals[], limitMs: number) => Promise<Exit>
}

/** Spawns with no terminal and no inherited group, so that Ctrl-C reaches the supervisor alone. */
export function spawnServer(launch: ServerLaunch, logFile: string): ServerProcess {
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a', 0o600)
  const logStart = fstatSync(log).size
  try {
    const child = spawn(launch.command, launch.args, { detached: true, stdio: ['ignore', log, log], env: launch.env })
    return observe(child, () => readTail(logFile, logStart))
  } finally {
    closeSync(log)
  }
}

function observe(child: ChildProcess, logTail: () => string): ServerProcess {
  let gone = false
  const exited = new Promise<Exit>((resolve) => {
    const settle = (exit: Exit): void => {
      gone = true
      resolve(exit)
    }
    child.once('exit', (code, signal) => settle({ code, signal }))
    child.once('error', () => settle({ code: 127, signal: null }))
  })
  const pid = child.pid ?? 0
  return {
    pid,
    exited,
    hasExited: () => gone,
    logTail,
    unref: () => child.unref(),
    async end(signals, limitMs) {
      child.ref()
      for (const [index, signal] of signals.entries()) {
        if (gone || pid === 0) break
        sendSignal(pid, signal)
        if (index < signals.length - 1) await Promise.race([exited, delay(limitMs, undefined, { ref: false })])
      }
      return await exited
    },
  }
}

const tailBytes = 8_192

function readTail(path: string, from: number): string {
  const file = openSync(path, 'r')
  try {
    const size = fstatSync(file).size
    const start = Math.max(from, size - tailBytes)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    readSync(file, buffer, 0, buffer.length, start)
    return buffer.toString('utf8')
  } finally {
    closeSync(file)
  }
}
