import type { Service } from '@csr/contracts/services'
import { streams } from '@csr/contracts/streams'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import type { Clock } from '@csr/runtime/clock'
import type { Logger } from '@csr/runtime/logger'
import type { StreamState } from './epochs.ts'
import type { Stored } from './publish-window.ts'

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
  /** streams in which another event is on record in the place of one of these */
  strangers(stored: readonly Stored[]): Promise<readonly string[]>
  /**
   * Compares a stream with what is remembered of it; `unmarked` events of ours may be in it without being noted. Where it
   * lost something the rows of everything above the low-water mark become unsent again. `unsure` asks to be called again
   * soon: a server that has just lost an election may answer from the past.
   */
  compare(found: StreamState, unmarked: number): Promise<Loss | 'unsure' | null>
}

type Remembered = {
  readonly epoch: string
  readonly last_sequence: number
  readonly first_sequence: number
  readonly missing: number
  readonly own: number
  readonly low_water: number | null
}

const chunkRows = 5_000
const chunkDeadlineMs = 10_000
/** A sign that does not stay this long was none. */
const sureAfterMs = 1_500
const dayMs = 86_400_000

/** Streams with several publishers, who count their own: what others store hides that the end was once further on. */
const shared = new Set(streams.filter(({ publishers }) => publishers.length > 1).map(({ name }) => name))

type Ports = { readonly service: Service; readonly postgres: Postgres; readonly logger: Logger; readonly clock: Clock }

export function createReconciler({ service, postgres, logger, clock }: Ports): Reconciler {
  const texts = reconcileTexts(service)
  const suspected = new Set<string>()
  const firstSeenMs = new Map<string, number>()

  const commit = <const S extends readonly Statement[]>(statements: S) =>
    postgres.worker(statements, { deadlineMs: chunkDeadlineMs })

  async function publishAgain(epoch: string, above: number): Promise<number> {
    for (let total = 0; ;) {
      const [rows] = await commit([statement(texts.lose, [epoch, above])])
      total += rows.length
      if (rows.length < chunkRows) return total
    }
  }

  /** Whether the stream begins above events that it should still hold and that not everybody has read. */
  async function lostItsBeginning(found: StreamState, known: Remembered): Promise<boolean> {
    const above = known.low_water ?? 0
    if (found.firstSequence - 1 <= above) return false
    // What leaves by age does so in its time; a day of it is left to clocks that differ.
    const youngest = uuidFloor(clock.nowMs() - (found.maxAgeDays - 1) * dayMs)
    const [rows] = await commit([statement(texts.before, [found.epoch, above, found.firstSequence, youngest])])
    return rows.length > 0
  }

  async function signOf(found: StreamState, known: Remembered): Promise<LossSign | 'owed' | null> {
    if (known.epoch !== found.epoch) return 'epoch'
    if (suspected.has(found.stream)) return 'other-row'
    if (found.lastSequence < known.last_sequence) return 'end'
    if (found.missing > known.missing) return 'hole'
    if (found.own < known.own && found.firstSequence === known.first_sequence) return 'other-row'
    if (!(await lostItsBeginning(found, known))) return null
    // A full stream would drop others for what is sent again: that has to wait until all durables are past its beginning.
    const waits = found.isFull && (found.lowWater ?? 0) < found.firstSequence - 1
    return waits ? 'owed' : 'hole'
  }

  function isSure(stream: string): boolean {
    const sinceMs = firstSeenMs.get(stream) ?? performance.now()
    firstSeenMs.set(stream, sinceMs)
    return performance.now() - sinceMs >= sureAfterMs
  }

  async function recover(found: StreamState, known: Remembered, sign: LossSign): Promise<Loss> {
    const { stream, epoch, lastSequence } = found
    const sameStream = sign === 'epoch' ? [] : [found.lowWater ?? 0, lastSequence]
    const above = Math.min(known.low_water ?? 0, ...sameStream)
    const count = await publishAgain(known.epoch, above)
    // Last, so that a crash in between begins again.
    await commit([
      statement(texts.remember, remembered(found, 0)),
      statement(texts.lost, [stream, clock.now(), sign, count]),
    ])
    suspected.delete(stream)
    firstSeenMs.delete(stream)
    logger.warn('stream-lost-events', { stream, epoch, sequence: above, sign, count })
    return { stream, sign, count }
  }

  return {
    note: (stored) =>
      statement(texts.note, [
        stored.map(({ stream }) => stream),
        stored.map(({ epoch }) => epoch),
        stored.map(({ sequence }) => sequence),
        stored.map(({ stream, isCopy }) => (shared.has(stream) && !isCopy ? 1 : 0)),
      ]),
    suspect: (stream) => void suspected.add(stream),
    async strangers(stored) {
      const copies = stored.filter(({ isCopy }) => isCopy)
      if (copies.length === 0) return []
      const [rows] = await commit([
        statement<{ stream: string }>(texts.strangers, [
          arrayOf(copies.map(({ id }) => id)),
          copies.map(({ stream }) => stream),
          copies.map(({ epoch }) => epoch),
          copies.map(({ sequence }) => sequence),
        ]),
      ])
      return rows.map(({ stream }) => stream)
    },
    async compare(found, unmarked) {
      const { stream } = found
      const [[known]] = await commit([statement<Remembered>(texts.known, [stream])])
      const sign = known ? await signOf(found, known) : null
      if (known && sign !== null && sign !== 'owed') {
        return sign === 'epoch' || suspected.has(stream) || isSure(stream)
          ? await recover(found, known, sign)
          : 'unsure'
      }
      firstSeenMs.delete(stream)
      const kept = sign === 'owed' ? { ...found, lowWater: known?.low_water ?? null } : found
      if (!known || differs(known, kept, unmarked))
        await commit([statement(texts.remember, remembered(kept, unmarked))])
      return null
    },
  }
}

function remembered(found: StreamState, unmarked: number): unknown[] {
  const { stream, epoch, lastSequence, firstSequence, missing, own, lowWater } = found
  return [stream, epoch, lastSequence, firstSequence, missing, Math.max(0, own - unmarked), lowWater]
}

function differs(known: Remembered, { firstSequence, missing, own, lowWater }: StreamState, unmarked: number): boolean {
  const { first_sequence, low_water } = known
  return (
    first_sequence !== firstSequence ||
    low_water !== lowWater ||
    known.missing !== missing ||
    known.own !== Math.max(0, own - unmarked)
  )
}

function reconcileTexts(service: Service) {
  return {
    note: `insert into ${service}.relayed as r (stream, epoch, last_sequence, own)
      select stream, epoch, max(sequence), sum(fresh)
      from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as s (stream, epoch, sequence, fresh)
      group by stream, epoch
      on conflict (stream) do update
      set last_sequence = greatest(r.last_sequence, excluded.last_sequence), own = r.own + excluded.own
      where r.epoch = excluded.epoch`,
    known: `select epoch, last_sequence, first_sequence, missing, own, low_water from ${service}.relayed where stream = $1`,
    remember: `insert into ${service}.relayed (stream, epoch, last_sequence, first_sequence, missing, own, low_water)
      values ($1, $2, $3, $4, $5, $6, $7)
      on conflict (stream) do update set epoch = $2, last_sequence = $3, first_sequence = $4, missing = $5, own = $6,
        low_water = $7`,
    lost: `update ${service}.relayed set lost_at = $2, lost_sign = $3, lost_count = $4 where stream = $1`,
    lose: `update ${service}.outbox set epoch = null, sequence = null
      where id in (
        select id from ${service}.outbox where epoch = $1 and sequence > $2 order by sequence limit ${chunkRows})
      returning id`,
    before: `select id from ${service}.outbox
      where epoch = $1 and sequence > $2 and sequence < $3 and id > $4 order by sequence limit 1`,
    strangers: `select distinct s.stream
      from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) as s (id, stream, epoch, sequence)
      join ${service}.outbox o on o.epoch = s.epoch and o.sequence = s.sequence and o.id <> s.id`,
  }
}
