import type { BenchStack } from './bench-stack.ts'
import { runLoad } from './http-load.ts'
import { expectOnly, measured, perSecond, processorNote, processorsNote, type BenchRow } from './measured.ts'
import { probeVisibleLag } from './visible-lag.ts'
import { drained } from './webhook-accept.ts'
import { prepareSessions } from './webhook-requests.ts'

const rate = 500
const seconds = 60
/** The first seconds of a process are slow: code that has not run yet is compiled while it answers. */
const warmUp = { rate: 200, seconds: 10 }
const acceptP95GoalMs = 100
const lagP95GoalMs = 1_000
const probesPerSecond = 2

/** A steady stream for a minute, probed from outside: how fast are answers, and how old is what a reader sees? */
export async function webhookSustained(stack: BenchStack): Promise<BenchRow> {
  const webhooks = rate * seconds + warmUp.rate * warmUp.seconds + 1_000
  const requests = prepareSessions(stack.kintell, webhooks, `sustained-${Date.now()}`)
  let used = 0
  const load = (pace: { rate: number; seconds: number }) =>
    runLoad({ url: stack.kintell.url, connections: 64, ...pace, next: () => requests[used++] ?? null })
  expectOnly(202, 'sustained, warm-up', await load(warmUp))
  const steady = measured(stack.pids, () => load({ rate, seconds }))
  const [result, lags] = await Promise.all([steady, probeVisibleLag(stack, seconds, probesPerSecond)])
  expectOnly(202, 'sustained', result)
  const lagP95 = lags[Math.floor(lags.length * 0.95)] ?? Number.POSITIVE_INFINITY
  const drain = await drained(stack)
  const reached = perSecond(result)
  return {
    name: 'webhook-sustained',
    unit: 'requests/s',
    ours: reached,
    bare: null,
    ratio: null,
    ...{ p50Ms: result.p50Ms, p95Ms: result.p95Ms, p99Ms: result.p99Ms },
    goal: `${rate}/s for ${seconds} s, accept p95 < ${acceptP95GoalMs} ms, event lag p95 < ${lagP95GoalMs} ms`,
    met: reached >= rate * 0.99 && result.p95Ms < acceptP95GoalMs && lagP95 < lagP95GoalMs,
    notes: [
      `after ${warmUp.seconds} s of warm-up at ${warmUp.rate}/s; event lag p95 ${lagP95.toFixed(0)} ms over ${lags.length} probes; left at the end: drained in ${drain.toFixed(1)} s`,
      processorNote('ours', result),
      processorsNote(result),
    ],
  }
}
