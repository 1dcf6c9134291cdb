import { cpus } from 'node:os'
import type { LoadResult } from './http-load.ts'
import { processorTimes } from './processor-time.ts'

/** One row of the benchmark, as `--json` prints it. `ratio`: more is better; null without a twin. */
export type BenchRow = {
  readonly name: string
  readonly unit: 'requests/s' | 'events/s' | 'ms'
  readonly ours: number
  readonly bare: number | null
  readonly ratio: number | null
  /** null where only a rate is measured */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly goal: string
  readonly met: boolean
  /** what else was measured, for a reader */
  readonly notes: readonly string[]
  /** what single steps cost, where the row looks at them */
  readonly costs?: readonly Cost[]
}

/** One step by itself, in microseconds. */
export type Cost = { readonly step: string; readonly p50Us: number; readonly p95Us: number }

export type Measured = LoadResult & { readonly processorUs: Readonly<Record<string, number>> }

/** Runs a load and says how much processor time each process spent per answered request, in microseconds. */
export async function measured(
  pids: Readonly<Record<string, number>>,
  run: () => Promise<LoadResult>,
): Promise<Measured> {
  const before = processorTimes(pids)
  const result = await run()
  const after = processorTimes(pids)
  const processorUs = Object.fromEntries(
    Object.keys(pids).map((name) => [
      name,
      Math.round((((after[name] ?? 0) - (before[name] ?? 0)) * 1_000) / result.answered),
    ]),
  )
  return { ...result, processorUs }
}

export function perSecond({ answered, seconds }: LoadResult): number {
  return answered / seconds
}

/** Fails where anything but the wanted status was answered: a fast refusal is no benchmark. */
export function expectOnly(status: number, what: string, { statuses, broken }: LoadResult): void {
  const others = Object.keys(statuses).filter((code) => Number(code) !== status)
  if (others.length > 0 || broken > 0) {
    throw new Error(`${what}: answers ${JSON.stringify(statuses)}, broken connections ${broken}`)
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

export function processorNote(who: string, { processorUs }: Measured): string {
  const parts = Object.entries(processorUs).map(([name, us]) => `${name} ${us}`)
  return `${who}, µs of processor per request: ${parts.join(', ')}`
}

/** How much of the processors was in use: what runs in one thread and nears 1.00 bounds the rate. */
export function processorsNote({ processorUs, answered, seconds }: Measured): string {
  const used = Object.entries(processorUs).map(([name, us]) => ({ name, share: (us * answered) / seconds / 1_000_000 }))
  const all = used.reduce((sum, { share }) => sum + share, 0)
  const most = used.toSorted((one, other) => other.share - one.share).slice(0, 3)
  const parts = most.map(({ name, share }) => `${name} ${share.toFixed(2)}`)
  return `processors in use: ${all.toFixed(2)} of ${cpus().length}, of which ${parts.join(', ')}`
}
