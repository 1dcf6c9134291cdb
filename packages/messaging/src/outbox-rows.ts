import type { Service } from '@csr/contracts/services'
import { bulkPrefix, streams, type Lane } from '@csr/contracts/streams'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { uuidFloor, uuidTimeMs } from '@csr/runtime/ids'
import type { Stored, Unsent } from './publish-window.ts'

/** What the relay does to the outbox of its service, as the worker role. */
export interface OutboxRows {
  /** marks `stored` and reads up to `live` and `bulk` unsent rows that are not in `known`, oldest first, in one transaction */
  turn(stored: readonly Stored[], wanted: { live: number; bulk: number; known: readonly string[] }): Promise<Turn>
  /** how many rows wait, counted up to 100,000, and the time in the oldest id */
  backlog(): Promise<{ count: number; oldestMs: number | null }>
  /** partitions around `at`, and the end of those past their time */
  keepPartitions(at: string): Promise<void>
  /** lanes this service publishes on */
  readonly lanes: readonly Lane[]
}

export type Turn = { readonly live: readonly Unsent[]; readonly bulk: readonly Unsent[] }

const startOfTime = uuidFloor(0)
/** A commit may show an id this much older than others already sent; the sweep finds what is older still. */
const floorMarginMs = 30_000
const sweepEveryMs = 60_000

/**
 * Index lookups are always right here, even while the statistics of a young partition say it is empty. A mark that is lost
 * in a crash is harmless: the event is published again and its stream or the inboxes drop the copy. So marks do not wait
 * for the disk.
 */
const relaySettings = statement(
  `select set_config('enable_seqscan', 'off', true), set_config('synchronous_commit', 'off', true)`,
)

export function createOutboxRows(service: Service, postgres: Postgres, nowMs: () => number): OutboxRows {
  const hasBulk = streams.some(
    ({ publishers, subjects }) =>
      publishers.includes(service) && subjects.some((topic) => topic.startsWith(bulkPrefix)),
  )
  const floors: Record<Lane, string> = { live: startOfTime, bulk: startOfTime }
  let sweptAtMs = nowMs()

  const readText = (lane: Lane): string => `select id, topic, payload, traceparent from ${service}.outbox
    where lane = '${lane}' and sequence is null and id > $1 and id <> all($2::uuid[]) order by id limit $3`
  const texts = { live: readText('live'), bulk: readText('bulk') }
  const markText = `update ${service}.outbox set epoch = $2::jsonb -> id::text ->> 0, sequence = ($2::jsonb -> id::text ->> 1)::bigint
    where id = any($1::uuid[])`

  function raiseFloor(
    lane: Lane,
    rows: readonly Unsent[],
    wanted: number,
    known: readonly string[],
    atMs: number,
  ): void {
    if (rows.length >= wanted) return
    const oldest = [...rows.map(({ id }) => id), ...known].reduce(
      (least, id) => (id < least ? id : least),
      uuidFloor(atMs),
    )
    floors[lane] = uuidFloor(Math.max(0, uuidTimeMs(oldest) - floorMarginMs))
  }

  return {
    lanes: hasBulk ? ['live', 'bulk'] : ['live'],
    async turn(stored, { live, bulk, known }) {
      const atMs = nowMs()
      if (atMs - sweptAtMs > sweepEveryMs || atMs < sweptAtMs) {
        floors.live = startOfTime
        floors.bulk = startOfTime
        sweptAtMs = atMs
      }
      const excluded = arrayOf(known)
      const reads = [statement<Unsent>(texts.live, [floors.live, excluded, live])]
      if (hasBulk) reads.push(statement<Unsent>(texts.bulk, [floors.bulk, excluded, bulk]))
      const marks = stored.length > 0 ? [mark(markText, stored)] : []
      const answers: readonly (readonly unknown[])[] = await postgres.worker([relaySettings, ...marks, ...reads])
      const [liveRows = [], bulkRows = []] = answers.slice(1 + marks.length) as Unsent[][]
      raiseFloor('live', liveRows, live, known, atMs)
      if (hasBulk) raiseFloor('bulk', bulkRows, bulk, known, atMs)
      return { live: liveRows, bulk: bulkRows }
    },
    async backlog() {
      const [, [row]] = await postgres.worker([
        relaySettings,
        statement<{ count: number; oldest: string | null }>(
          `select count(*) as count, min(id::text) as oldest
           from (select id from ${service}.outbox where sequence is null limit 100000) unsent`,
        ),
      ])
      return { count: row?.count ?? 0, oldestMs: row?.oldest ? uuidTimeMs(row.oldest) : null }
    },
    async keepPartitions(at) {
      await postgres.worker([statement(`select ops.keep_messaging($1, $2)`, [service, at])], { deadlineMs: 10_000 })
    },
  }
}

function mark(text: string, stored: readonly Stored[]): Statement {
  const places = Object.fromEntries(stored.map(({ id, epoch, sequence }) => [id, [epoch, sequence]]))
  return statement(text, [arrayOf(stored.map(({ id }) => id)), JSON.stringify(places)])
}
