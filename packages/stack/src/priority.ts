import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { RunningProcess } from './supervised-process.ts'

/**
 * How far a program stands back when there is not enough processor time for all (as `nice` counts): what answers partners
 * first, then profiles and consents, which people look at, then what only follows events: screening, scoring and the
 * record. What stands back works off its backlog in larger groups, which cost less. Servers stand back for nobody.
 */
const standsBack: Readonly<Record<string, number>> = {
  profile: 5,
  privacy: 5,
  safety: 10,
  q2q: 10,
  audit: 12,
  keeper: 12,
}

/** Starting takes its time as it is: only what runs for this long stands back. */
const afterMs = 10_000

/** Gives a program that was just started its place in that order. */
export function standBackLater(name: string, running: Pick<RunningProcess, 'pid' | 'exited'>): void {
  const niceness = standsBack[name]
  if (niceness === undefined) return
  const timer = setTimeout(() => standBack(running.pid, niceness), afterMs).unref()
  void running.exited.then(() => clearTimeout(timer))
}

/**
 * A process group of its own is, on Linux, also a scheduling group of its own, inside which `nice` is without effect on
 * others: the group gets the same place. Where a system knows no such thing everybody is equal, which is only slower.
 */
function standBack(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness))
  } catch {
    // it has ended, or this system has no scheduling groups
  }
}
