import { setTimeout as wait } from 'node:timers/promises'
import type { BenchStack } from './bench-stack.ts'
import { runLoad, type RawRequest } from './http-load.ts'
import {
  expectOnly,
  measured,
  median,
  perSecond,
  processorNote,
  processorsNote,
  type BenchRow,
  type Measured,
} from './measured.ts'
import { knownPeople, prepareSessions, sessionBody, signedRequest } from './webhook-requests.ts'

const connections = 64
const warmUpSeconds = 3
const seconds = 10
const rounds = 3
/** more than either side can accept in one round */
const requestsPerRound = 60_000
const ratioGoal = 0.5
const drainGoalSeconds = 30

/** Durable accept in a burst: twin and ours in turn, three times, median of the ratios; then how long the backlog takes. */
export async function webhookAccept(stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  await makeKnown(stack)
  const oursRuns: Measured[] = []
  const twinRuns: Measured[] = []
  const drains: number[] = []
  const settles: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const twinUrl = new URL(new URL(stack.kintell.url).pathname, stack.twin.gateway).href
    const twin = await burst({ url: twinUrl, secret: stack.kintell.secret }, `twin-${round}`, stack.twin.pids)
    const ours = await burst(stack.kintell, `ours-${round}`, stack.pids)
    drains.push(await drained(stack))
    settles.push(await settled(stack))
    twinRuns.push(twin)
    oursRuns.push(ours)
    note(
      `round ${round + 1}: twin ${perSecond(twin).toFixed(0)}/s, ours ${perSecond(ours).toFixed(0)}/s, drained in ${drains.at(-1)?.toFixed(1)} s`,
    )
  }
  const ratios = oursRuns.map((ours, index) => perSecond(ours) / perSecond(twinRuns[index] ?? ours))
  const ratio = median(ratios)
  const middle = oursRuns[ratios.indexOf(ratio)] as Measured
  const bare = twinRuns[ratios.indexOf(ratio)] as Measured
  const drain = Math.max(...drains)
  return {
    name: 'webhook-accept',
    unit: 'requests/s',
    ours: perSecond(middle),
    bare: perSecond(bare),
    ratio,
    ...{ p50Ms: middle.p50Ms, p95Ms: middle.p95Ms, p99Ms: middle.p99Ms },
    goal: `ratio >= ${ratioGoal}, drained within ${drainGoalSeconds} s`,
    met: ratio >= ratioGoal && drain <= drainGoalSeconds,
    notes: [
      `slowest drain of the backlog after a burst: ${drain.toFixed(1)} s; screened, scored and on record ${Math.max(...settles).toFixed(1)} s later`,
      processorNote('ours', middle),
      processorNote('twin', bare),
      processorsNote(middle),
    ],
  }
}

async function burst(target: { url: string; secret: string }, run: string, pids: Readonly<Record<string, number>>) {
  const requests = prepareSessions(target, requestsPerRound, `${run}-${Date.now()}`)
  let used = 0
  const next = (): RawRequest | null => requests[used++] ?? null
  const load = (forSeconds: number) => runLoad({ url: target.url, connections, seconds: forSeconds, next })
  expectOnly(202, `${run}, warm-up`, await load(warmUpSeconds))
  const result = await measured(pids, () => load(seconds))
  expectOnly(202, run, result)
  return result
}

/** Everybody below `knownPeople` is there before the first burst. */
async function makeKnown(stack: BenchStack): Promise<void> {
  const completedAt = new Date().toISOString()
  let made = 0
  const result = await runLoad({
    url: stack.kintell.url,
    connections: 16,
    seconds: 120,
    next: () => {
      if (made >= knownPeople) return null
      const participant = `known-${made++}@example.org`
      const volunteer = `known-${made % knownPeople}@example.org`
      const body = sessionBody({ id: `known-${made}`, participant, volunteer, completedAt })
      return signedRequest(stack.kintell, body, Math.floor(Date.now() / 1_000))
    },
  })
  expectOnly(202, 'making people known', result)
  await drained(stack)
  await settled(stack)
}

/** Seconds until every accepted session is in the profiles: both people of each have their activity. */
export async function drained(stack: BenchStack): Promise<number> {
  const startedMs = performance.now()
  for (;;) {
    const [row] = await stack.superuser.unsafe<[{ waiting: number }]>(
      `select (select count(*) from ingest.natural_keys)::int * 2 - (select count(*) from profile.activities)::int as waiting`,
    )
    const waited = (performance.now() - startedMs) / 1_000
    if ((row?.waiting ?? 1) <= 0) return waited
    if (waited > 300) throw new Error(`the backlog is not drained after ${waited.toFixed(0)} s`)
    await wait(100)
  }
}

/** Everything ends on record: it is quiet when the log has not grown for this long. */
const quietMs = 1_500

/** Seconds until everything that followed is done too, so that nobody is measured beside the rest of another's burst. */
async function settled(stack: BenchStack): Promise<number> {
  const startedMs = performance.now()
  let size = -1
  let grewMs = startedMs
  while (performance.now() - grewMs < quietMs) {
    const [row] = await stack.superuser.unsafe<[{ size: number }]>(`select sum(size)::int as size from audit.logs`)
    if (row?.size !== size) [size, grewMs] = [row?.size ?? 0, performance.now()]
    await wait(100)
  }
  return (grewMs - startedMs) / 1_000
}
