import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import {
  noteRefusal,
  takeFinished,
  type Counted,
  type RefusalCounts,
  type RefusalSource,
} from '../domain/count-refusals.ts'
import { deliveryRefused } from '../events.ts'

export interface RefusalStore {
  /** Resolves once the refusal is recorded, or at once where it is only counted. */
  note(source: RefusalSource, requestId: string): Promise<void>
  /** Records what was counted in minutes that are over, or in all; what cannot be recorded now is kept. */
  flush(all?: boolean): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly clock: Clock
  readonly ids: Ids
  readonly wakeRelay: () => void
}

export function createRefusalStore(deps: Deps): RefusalStore {
  const { postgres, clock, ids, wakeRelay } = deps
  const counts: RefusalCounts = new Map()
  let unrecorded: Counted[] = []

  async function record({ tenantId, ...refused }: Counted, causationId: string): Promise<void> {
    const about = { id: ids.uuid(), time: clock.now(), tenantId, causationId }
    await postgres.group(tenantId, [insertEvents('ingest', [deliveryRefused(about, refused)])])
    wakeRelay()
  }

  return {
    async note(source, requestId) {
      if (noteRefusal(counts, source, clock.nowMs()) === 'record') await record({ ...source, count: 1 }, requestId)
    },
    async flush(all = false) {
      unrecorded.push(...takeFinished(counts, clock.nowMs(), all))
      const waiting = unrecorded
      unrecorded = []
      for (const [index, counted] of waiting.entries()) {
        try {
          await record(counted, ids.uuid())
        } catch (error) {
          unrecorded.push(...waiting.slice(index))
          throw error
        }
      }
    },
  }
}
