import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sendSignal } from '../process-identity.ts'

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** How to run a program: the command itself, and the user it runs as where that is another one. */
export type Program = {
  readonly command: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

/** A server started as a direct child, in a process group of its own, writing to a log file. */
export type ServerProcess = {
  readonly pid: number
  /** resolves once, never rejects; the supervisor decides what an exit means */
  readonly exited: Promise<Exit>
  readonly hasExited: () => boolean
  /** what it wrote since this start, at most the last 8 KB */
  readonly logTail: () => string
  /** sends the signals in turn until it is gone, waiting `limitMs` after each but the last */
  readonly end: (signals: readonly NodeJS.Signals[], limitMs: number) => Promise<Exit>
}

/** Spawns with no terminal and no inherited group, so that Ctrl-C reaches the supervisor alone. */
export function spawnServer(program: Program, options: { logFile: string; cwd?: string }): ServerProcess {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'a', 0o600)
  const logStart = fstatSync(log).size
  try {
    const child = spawn(program.command, [...program.args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', LC_ALL: 'C', TZ: 'UTC' },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(program.uid === undefined ? {} : { uid: program.uid }),
      ...(program.gid === undefined ? {} : { gid: program.gid }),
    })
    return observe(child, () => readTail(options.logFile, logStart))
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
    async end(signals, limitMs) {
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
