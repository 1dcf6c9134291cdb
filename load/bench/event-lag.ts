import type { BenchStack } from './bench-stack.ts'
import { runLoad } from './http-load.ts'
import { expectOnly, measured, processorNote, processorsNote, type BenchRow } from './measured.ts'
import { probeVisibleLag } from './visible-lag.ts'
import { prepareSessions } from './webhook-requests.ts'

const rate = 200
/** The first seconds of a process are slow: code that has not run yet is compiled while it answers. */
const warmUpSeconds = 10
const seconds = 20
const p95GoalMs = 100
const probesPerSecond = 5

/** At 200 webhooks a second: from sending a webhook to seeing it in the profile. */
export async function eventLag(stack: BenchStack): Promise<BenchRow> {
  const requests = prepareSessions(stack.kintell, rate * (warmUpSeconds + seconds) + 1_000, `lag-${Date.now()}`)
  let used = 0
  const load = (forSeconds: number) =>
    runLoad({
      url: stack.kintell.url,
      connections: 32,
      seconds: forSeconds,
      rate,
      next: () => requests[used++] ?? null,
    })
  expectOnly(202, 'event lag, warm-up', await load(warmUpSeconds))
  const steady = measured(stack.pids, () => load(seconds))
  const [result, lags] = await Promise.all([steady, probeVisibleLag(stack, seconds, probesPerSecond)])
  expectOnly(202, 'event lag', result)
  const at = (share: number): number => lags[Math.floor(lags.length * share)] ?? Number.POSITIVE_INFINITY
  return {
    name: 'event-lag',
    unit: 'ms',
    ours: at(0.95),
    bare: null,
    ratio: null,
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) },
    goal: `webhook visible in the profile at ${rate}/s: p95 < ${p95GoalMs} ms`,
    met: at(0.95) < p95GoalMs,
    notes: [
      `${lags.length} probes after ${warmUpSeconds} s of warm-up; accept p95 ${result.p95Ms.toFixed(1)} ms`,
      processorNote('ours', result),
      processorsNote(result),
    ],
  }
}
