import { readdirSync, readFileSync } from 'node:fs'

/** Processor time of named processes in milliseconds, children of PostgreSQL included. */
export type ProcessorTimes = Readonly<Record<string, number>>

/** Jiffies of Linux are hundredths of a second on every platform Node runs on. */
const jiffyMs = 10

/** Reads `/proc`; empty where there is none. */
export function processorTimes(pids: Readonly<Record<string, number>>): ProcessorTimes {
  const all = readAll()
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, sumOf(pid, all)]))
}

type Stat = { readonly parent: number; readonly ownMs: number }

function readAll(): ReadonlyMap<number, Stat> {
  const found = new Map<number, Stat>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')
      found.set(Number(entry), {
        parent: Number(fields[1]),
        ownMs: (Number(fields[11]) + Number(fields[12])) * jiffyMs,
      })
    } catch {
      // it ended while it was read
    }
  }
  return found
}

function sumOf(pid: number, all: ReadonlyMap<number, Stat>): number {
  let total = all.get(pid)?.ownMs ?? 0
  for (const [child, { parent }] of all) if (parent === pid) total += sumOf(child, all)
  return total
}
