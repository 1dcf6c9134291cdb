import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import type { Statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import type { Clock } from '@csr/runtime/clock'
import type { Logger } from '@csr/runtime/logger'
import type { StreamState } from './epochs.ts'
import type { Stored } from './publish-window.ts'
import { createRelayedRows, type RelayedRows, type Remembered } from './relayed-rows.ts'

/**
 * What gives a loss away. `epoch`: another stream of the same name. `end`: it ends below what it had acknowledged.
 * `other-row`: where an event of ours stood there is another. `hole`: it lacks messages that nobody may delete.
 */
export type LossSign = 'epoch' | 'end' | 'other-row' | 'hole'

/** A stream that lost something, and how many events go out again because of it. */
export type Loss = { readonly stream: string; readonly sign: LossSign; readonly count: number }

/** What the relay remembers of its streams, to notice one that lost something. */
export interface Reconciler {
  /** notes what was stored where; to be part of the transaction that marks */
  note(stored: readonly Stored[]): Statement
  /** an acknowledgement named a place that was taken before: the next comparison takes the stream for a replaced one */
  suspect(stream: string): void
  /** streams in which another event is on record in the place of a copy among these */
  strangers(stored: readonly Stored[]): Promise<readonly string[]>
  /**
   * Compares a stream with what is remembered of it; `unmarked` events of ours may be in it without being noted. Where it
   * lost something the rows of everything above the low-water mark become unsent again. `unsure` asks to be called again
   * soon: a server that has just lost an election may answer from the past.
   */
  compare(found: StreamState, unmarked: number): Promise<Loss | 'unsure' | null>
}

/** A sign that does not stay this long was none. */
const sureAfterMs = 1_500
const dayMs = 86_400_000

type Ports = { readonly service: Service; readonly postgres: Postgres; readonly logger: Logger; readonly clock: Clock }

export function createReconciler({ service, postgres, logger, clock }: Ports): Reconciler {
  const rows = createRelayedRows(service, postgres)
  const suspected = new Set<string>()
  const firstSeenMs = new Map<string, number>()

  function isSure(stream: string): boolean {
    const sinceMs = firstSeenMs.get(stream) ?? performance.now()
    firstSeenMs.set(stream, sinceMs)
    return performance.now() - sinceMs >= sureAfterMs
  }

  async function recover(found: StreamState, known: Remembered, sign: LossSign): Promise<Loss> {
    const { stream, epoch, lastSequence, lowWater } = found
    const above = Math.min(known.low_water ?? 0, ...(sign === 'epoch' ? [] : [lowWater ?? 0, lastSequence]))
    const loss = { stream, sign, count: await rows.lose(known.epoch, above) }
    // Last, so that a crash in between begins again.
    await rows.remember(found, { ...loss, at: clock.now() })
    suspected.delete(stream)
    firstSeenMs.delete(stream)
    logger.warn('stream-lost-events', { stream, epoch, sequence: above, sign, count: loss.count })
    return loss
  }

  return {
    note: rows.note,
    suspect: (stream) => void suspected.add(stream),
    strangers: (stored) => rows.strangers(stored.filter(({ isCopy }) => isCopy)),
    async compare(found, unmarked) {
      const { stream } = found
      const known = await rows.known(stream)
      const isSuspected = suspected.has(stream)
      const sign = known ? await signOf(found, known, { rows, isSuspected, nowMs: clock.nowMs() }) : null
      if (known && sign !== null && sign !== 'owed')
        return sign === 'epoch' || isSuspected || isSure(stream) ? await recover(found, known, sign) : 'unsure'
      firstSeenMs.delete(stream)
      // What is owed stays above the mark until it is sent again.
      const lowWater = sign === 'owed' ? (known?.low_water ?? null) : found.lowWater
      const whole = { ...found, lowWater, own: Math.max(0, found.own - unmarked) }
      if (!known || hasMoved(known, whole)) await rows.remember(whole)
      return null
    },
  }
}

type Circumstances = { readonly rows: RelayedRows; readonly isSuspected: boolean; readonly nowMs: number }

/** The sign of a loss; `owed` where it is known but has to wait; null where the stream is whole. */
async function signOf(found: StreamState, known: Remembered, now: Circumstances): Promise<LossSign | 'owed' | null> {
  if (known.epoch !== found.epoch) return 'epoch'
  if (now.isSuspected) return 'other-row'
  if (found.lastSequence < known.last_sequence) return 'end'
  if (found.missing > known.missing) return 'hole'
  if (found.own < known.own && found.firstSequence === known.first_sequence) return 'other-row'
  if (!(await lostItsBeginning(found, known, now))) return null
  // A full stream would drop others for what is sent again: that has to wait until all durables are past its beginning.
  const waits = found.isFull && (found.lowWater ?? 0) < found.firstSequence - 1
  return waits ? 'owed' : 'hole'
}

/** Whether the stream begins above events that it should still hold and that not everybody has read. */
async function lostItsBeginning(
  found: StreamState,
  known: Remembered,
  { rows, nowMs }: Circumstances,
): Promise<boolean> {
  const { epoch, firstSequence: below, maxAgeDays } = found
  const above = known.low_water ?? 0
  if (below - 1 <= above) return false
  // What leaves by age does so in its time; a day of it is left to clocks that differ.
  return await rows.isBetween({ epoch, above, below, fromId: uuidFloor(nowMs - (maxAgeDays - 1) * dayMs) })
}

function hasMoved(known: Remembered, { firstSequence, missing, own, lowWater }: StreamState): boolean {
  const { first_sequence, low_water } = known
  return first_sequence !== firstSequence || low_water !== lowWater || known.missing !== missing || known.own !== own
}
