import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** One process of one moment: a pid alone may be given to another process later, a pid with its start time is not. */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string }

/** Who runs under this pid now, or null where nobody does (a zombie is nobody). */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid)
  return startedAt === null ? null : { pid, startedAt }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt
}

/**
 * Ends processes that may be nobody's children any more: the signal, then SIGKILL to those left after `limitMs`.
 * Resolves when none of them runs.
 */
export async function endProcesses(
  identities: readonly ProcessIdentity[],
  options: { signal: NodeJS.Signals; limitMs: number },
): Promise<void> {
  for (const identity of identities) if (isAlive(identity)) sendSignal(identity.pid, options.signal)
  if (await allGone(identities, options.limitMs)) return
  for (const identity of identities) if (isAlive(identity)) sendSignal(identity.pid, 'SIGKILL')
  await allGone(identities, killedWithinMs)
}

/** Sends a signal and does not mind that the process is gone already. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const killedWithinMs = 5_000
const pollMs = 25

async function allGone(identities: readonly ProcessIdentity[], limitMs: number): Promise<boolean> {
  const endsAt = Date.now() + limitMs
  while (identities.some(isAlive)) {
    if (Date.now() >= endsAt) return false
    await delay(pollMs)
  }
  return true
}

// proc(5): the second field of stat is the program's name in brackets and may itself contain brackets and blanks;
// behind it the state is the 1st and the start time, in ticks since boot, the 20th.
function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    return `${bootId()}/${fields[19]}`
  } catch {
    return null
  }
}

function startByPs(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
  } catch {
    return null
  }
}

let boot: string | undefined

function bootId(): string {
  if (boot === undefined) {
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    } catch {
      boot = 'boot'
    }
  }
  return boot
}
