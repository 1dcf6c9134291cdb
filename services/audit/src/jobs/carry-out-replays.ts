import { leadAlone, type Hold, type Leader } from '@csr/messaging/leader'
import type { Logger } from '@csr/runtime/logger'
import { nextOf } from '../domain/bulk-replay.ts'
import type { BulkReplayStore } from '../store/bulk-replay-store.ts'
import type { Asker, ReplayStore } from '../store/replay-store.ts'

type Deps = {
  readonly bulks: BulkReplayStore
  readonly replays: Pick<ReplayStore, 'replay'>
  readonly hold: Hold
  readonly logger: Logger
}

const lookEveryMs = 2_000
/** While a bulk replay runs: its answers come through the bus. */
const lookAgainMs = 200

/**
 * Carries out bulk replays, one replica at a time. Everything it knows stands in the database: after a kill the next one
 * goes on where the last commit was.
 */
export function carryOutReplays({ bulks, replays, hold, logger }: Deps): Leader {
  return leadAlone({
    ...{ name: 'audit:replays', hold, logger },
    round: async (until) => ((await step({ bulks, replays }, until)) ? lookAgainMs : lookEveryMs),
  })
}

type Steps = Pick<Deps, 'bulks' | 'replays'>

/** One step of each bulk replay; false where there is none. */
async function step({ bulks, replays }: Steps, until: AbortSignal): Promise<boolean> {
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
