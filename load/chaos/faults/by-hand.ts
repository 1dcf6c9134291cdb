import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { eventually } from '@csr/testkit/eventually'

/** How a process was started: read from the running one, which needs Linux. */
export type Launch = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A process of a service that the rig runs itself. */
export type ByHand = AsyncDisposable & { readonly pid: number; readonly isAlive: () => boolean }

/** Why no process can be run by hand here; null where it can. */
export function withoutProc(): string | null {
  return process.platform === 'linux' ? null : 'needs Linux: program and settings are read from /proc'
}

export function launchOf(pid: number): Launch {
  const [command = '', ...args] = listOf(`/proc/${pid}/cmdline`)
  // the channel to the supervisor is not ours: without it the process would take another file for it, and abort
  const settings = listOf(`/proc/${pid}/environ`).filter((line) => !line.startsWith('NODE_CHANNEL_'))
  return { command, args, env: Object.fromEntries(settings.map(splitSetting)) }
}

/** Starts it on `port` and resolves when it is ready. */
export async function startByHand(launch: Launch, port: number, logFile: string): Promise<ByHand> {
  const log = openSync(logFile, 'a')
  const env = { ...launch.env, PORT: String(port) }
  const child = spawn(launch.command, launch.args, { env, stdio: ['ignore', log, log] })
  closeSync(log)
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null
  await eventually(() => isReady(port), { withinMs: 30_000, what: `the process by hand (${logFile})` })
  return { pid: child.pid ?? 0, isAlive, [Symbol.asyncDispose]: () => end(child, isAlive) }
}

function listOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\0').filter(Boolean)
}

function splitSetting(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(0, at), line.slice(at + 1)]
}

async function isReady(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/readiness`, { signal: AbortSignal.timeout(2_000) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
}

async function end(child: ChildProcess, isAlive: () => boolean): Promise<void> {
  if (!isAlive()) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}
