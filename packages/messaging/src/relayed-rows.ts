import type { Service } from '@csr/contracts/services'
import { streams } from '@csr/contracts/streams'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { StreamState } from './epochs.ts'
import type { Stored } from './publish-window.ts'
import type { Loss } from './reconcile.ts'

/** A stream as it was when it was last found whole, and the highest place noted since. */
export type Remembered = {
  readonly epoch: string
  readonly last_sequence: number
  readonly first_sequence: number
  readonly missing: number
  readonly own: number
  readonly low_water: number | null
}

/** What the relay keeps in `<service>.relayed`, and the rows of the outbox by their place, as the worker role. */
export interface RelayedRows {
  note(stored: readonly Stored[]): Statement
  known(stream: string): Promise<Remembered | undefined>
  /** how a stream looks; with `loss` what it has just lost, and when */
  remember(found: StreamState, loss?: Loss & { readonly at: string }): Promise<void>
  /** makes rows unsent that stand above a place in this epoch; returns how many */
  lose(epoch: string, above: number): Promise<number>
  /** whether an event with an id from `fromId` on is on record between the two places */
  isBetween(places: { epoch: string; above: number; below: number; fromId: string }): Promise<boolean>
  /** streams in which another event is on record in the place of one of these */
  strangers(copies: readonly Stored[]): Promise<readonly string[]>
}

const chunkRows = 5_000
const chunkDeadlineMs = 10_000

/** Streams with several publishers, who count their own: what others store hides that the end was once further on. */
const shared = new Set(streams.filter(({ publishers }) => publishers.length > 1).map(({ name }) => name))

export function createRelayedRows(service: Service, postgres: Postgres): RelayedRows {
  const texts = textsOf(service)
  const commit = <const S extends readonly Statement[]>(statements: S) =>
    postgres.worker(statements, { deadlineMs: chunkDeadlineMs })

  return {
    note: (stored) =>
      statement(texts.note, [
        ...placesOf(stored),
        stored.map(({ stream, isCopy }) => (shared.has(stream) && !isCopy ? 1 : 0)),
      ]),
    async known(stream) {
      const [[row]] = await commit([statement<Remembered>(texts.known, [stream])])
      return row
    },
    async remember({ stream, epoch, lastSequence, firstSequence, missing, own, lowWater }, loss) {
      const state = statement(texts.remember, [stream, epoch, lastSequence, firstSequence, missing, own, lowWater])
      await commit(loss ? [state, statement(texts.lost, [stream, loss.at, loss.sign, loss.count])] : [state])
    },
    async lose(epoch, above) {
      for (let total = 0; ;) {
        const [rows] = await commit([statement(texts.lose, [epoch, above])])
        total += rows.length
        if (rows.length < chunkRows) return total
      }
    },
    async isBetween({ epoch, above, below, fromId }) {
      const [rows] = await commit([statement(texts.between, [epoch, above, below, fromId])])
      return rows.length > 0
    },
    async strangers(copies) {
      if (copies.length === 0) return []
      const ids = arrayOf(copies.map(({ id }) => id))
      const [rows] = await commit([statement<{ stream: string }>(texts.strangers, [ids, ...placesOf(copies)])])
      return rows.map(({ stream }) => stream)
    },
  }
}

const placesOf = (stored: readonly Stored[]) => [
  stored.map(({ stream }) => stream),
  stored.map(({ epoch }) => epoch),
  stored.map(({ sequence }) => sequence),
]

function textsOf(service: Service) {
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
    between: `select id from ${service}.outbox
      where epoch = $1 and sequence > $2 and sequence < $3 and id >= $4 order by sequence limit 1`,
    strangers: `select distinct s.stream
      from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) as s (id, stream, epoch, sequence)
      join ${service}.outbox o on o.epoch = s.epoch and o.sequence = s.sequence and o.id <> s.id`,
  }
}
