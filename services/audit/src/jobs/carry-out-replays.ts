import { createPulse } from '@csr/messaging/pulse'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { nextOf } from '../domain/bulk-replay.ts'
import type { BulkReplayStore } from '../store/bulk-replay-store.ts'
import type { Asker, ReplayStore } from '../store/replay-store.ts'

/** A lock that one process holds at a time, over all replicas. */
type Hold = (name: string, signal: AbortSignal) => Promise<{ readonly lost: AbortSignal } & AsyncDisposable>

type Deps = {
  readonly bulks: BulkReplayStore
  readonly replays: Pick<ReplayStore, 'replay'>
  readonly hold: Hold
  readonly logger: Logger
}

/** Carries out what operators asked for. */
export interface ReplayWorker extends Resource {
  /** looks for work now instead of at the next round */
  wake(): void
}

const lookEveryMs = 2_000
/** While a bulk replay runs: its answers come through the bus. */
const lookAgainMs = 200

/**
 * Carries out bulk replays, one replica at a time. Everything it knows stands in the database: after a kill the next one
 * goes on where the last commit was.
 */
export function carryOutReplays({ bulks, replays, hold, logger }: Deps): ReplayWorker {
  const stop = new AbortController()
  const pulse = createPulse()
  let running: Promise<void> | null = null

  async function stand(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await using lock = await hold('audit:replays', stop.signal)
        const until = AbortSignal.any([stop.signal, lock.lost])
        while (!until.aborted) await pulse.wait((await round({ bulks, replays }, until)) ? lookAgainMs : lookEveryMs)
      } catch (error) {
        if (stop.signal.aborted) return
        logger.error('replays-wait', error)
        await pulse.wait(lookEveryMs)
      }
    }
  }

  return {
    name: 'replays',
    wake: () => pulse.ring(),
    async start() {
      running = stand()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      pulse.ring()
      await running
    },
  }
}

type Steps = Pick<Deps, 'bulks' | 'replays'>

/** One step of each bulk replay; false where there is none. */
async function round({ bulks, replays }: Steps, until: AbortSignal): Promise<boolean> {
  const found = await bulks.underWay()
  for (const { id, state, asker } of found) {
    if (state === 'requested') await bulks.plan(id)
    else await advance({ bulks, replays }, { id, asker }, until)
  }
  return found.length > 0
}

async function advance(
  { bulks, replays }: Steps,
  { id, asker }: { id: string; asker: Asker },
  until: AbortSignal,
): Promise<void> {
  const groups = await bulks.progress(id)
  for (const group of groups) {
    const next = nextOf(group)
    if (next.do === 'skip') await bulks.skip(id, { fingerprint: group.fingerprint })
    if (next.do !== 'send') continue
    for (const planned of await bulks.due(id, group.fingerprint, next.count)) {
      if (until.aborted) return
      const { outcome } = await replays.replay(planned.deadLetterId, asker, { planned: planned.id })
      if (outcome !== 'done') await bulks.skip(id, { actId: planned.id })
    }
  }
  if (groups.some(({ waiting, running: open }) => waiting + open > 0)) return
  const bulk = await bulks.find(id)
  if (bulk) await bulks.end(bulk, bulk.failed > 0 ? 'stopped' : 'completed')
}
