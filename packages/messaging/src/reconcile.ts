import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import type { Logger } from '@csr/runtime/logger'
import type { StreamState } from './epochs.ts'
import type { Stored } from './publish-window.ts'

/** What the relay remembers of its streams, to notice one that lost something. */
export interface Reconciler {
  /** notes the highest place of each stream; to be part of the transaction that marks */
  note(stored: readonly Stored[]): Statement
  /**
   * Compares a stream with what is remembered of it. Another epoch, or an end before what was acknowledged, means that
   * events are gone: their rows become unsent again. Returns how many.
   */
  compare(found: StreamState): Promise<number>
}

type Remembered = { readonly epoch: string; readonly last_sequence: number }

const chunkRows = 5_000
const chunkDeadlineMs = 10_000

export function createReconciler(service: Service, postgres: Postgres, logger: Logger): Reconciler {
  const noteText = `insert into ${service}.relayed as r (stream, epoch, last_sequence)
    select stream, epoch, max(sequence) from unnest($1::text[], $2::text[], $3::bigint[]) as s (stream, epoch, sequence)
    group by stream, epoch
    on conflict (stream) do update set last_sequence = greatest(r.last_sequence, excluded.last_sequence)
    where r.epoch = excluded.epoch`
  const rememberedText = `select epoch, last_sequence from ${service}.relayed where stream = $1`
  const rememberText = `insert into ${service}.relayed (stream, epoch, last_sequence) values ($1, $2, $3)
    on conflict (stream) do update set epoch = $2, last_sequence = $3`
  const lostText = `update ${service}.outbox set epoch = null, sequence = null
    where id in (
      select id from ${service}.outbox where epoch = $1 and sequence > $2 and id > $3 order by id limit ${chunkRows})
    returning id`

  const commit = <const S extends readonly Statement[]>(statements: S) =>
    postgres.worker(statements, { deadlineMs: chunkDeadlineMs })

  async function publishAgain(epoch: string, above: number): Promise<number> {
    let last = uuidFloor(0)
    for (let total = 0; ;) {
      const [rows] = await commit([statement<{ id: string }>(lostText, [epoch, above, last])])
      total += rows.length
      if (rows.length < chunkRows) return total
      for (const { id } of rows) if (id > last) last = id
    }
  }

  return {
    note: (stored) =>
      statement(noteText, [
        stored.map(({ stream }) => stream),
        stored.map(({ epoch }) => epoch),
        stored.map(({ sequence }) => sequence),
      ]),
    async compare({ stream, epoch, lastSequence }) {
      const [[known]] = await commit([statement<Remembered>(rememberedText, [stream])])
      if (known?.epoch === epoch && known.last_sequence <= lastSequence) return 0
      const kept = known?.epoch === epoch ? lastSequence : 0
      const lost = known ? await publishAgain(known.epoch, kept) : 0
      // Last, so that a crash in between begins again.
      await commit([statement(rememberText, [stream, epoch, kept])])
      if (known) logger.warn('stream-lost-events', { stream, epoch, sequence: kept, count: lost })
      return lost
    },
  }
}
