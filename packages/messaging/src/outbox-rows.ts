import type { Service } from '@csr/contracts/services'
import { bulkPrefix, streams, type Lane } from '@csr/contracts/streams'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { uuidFloor, uuidTimeMs } from '@csr/runtime/ids'
import type { Stored, Unsent } from './publish-window.ts'

/** What the relay does to the outbox of its service, as the worker role. */
export interface OutboxRows {
  /** marks `stored`, runs `also`, and reads up to `live` and `bulk` unsent rows not in `known`, oldest first, in one transaction */
  turn(stored: readonly Stored[], wanted: Wanted, also: readonly Statement[]): Promise<Turn>
  /** to be called when rows became unsent again */
  startOver(): void
  /** how many rows wait, counted up to 100,000, and the time in the oldest id */
  backlog(): Promise<{ count: number; oldestMs: number | null }>
  /** partitions around `at`, and the end of those past their time */
  keepPartitions(at: string): Promise<void>
}

export type Wanted = { readonly live: number; readonly bulk: number; readonly known: readonly string[] }
export type Turn = { readonly live: readonly Unsent[]; readonly bulk: readonly Unsent[] }

const startOfTime = uuidFloor(0)
/** A commit may show an id this much older than others already sent; the sweep finds what is older still. */
const floorMarginMs = 30_000
const sweepEveryMs = 60_000
const partitionsDeadlineMs = 10_000

/**
 * A mark that is lost in a crash is harmless: the event is published again and its stream or the inboxes drop the copy. So
 * marks do not wait for the disk.
 */
const relaySettings = statement(`select set_config('synchronous_commit', 'off', true)`)

export function createOutboxRows(service: Service, postgres: Postgres, nowMs: () => number): OutboxRows {
  const lanes: Lane[] = hasBulk(service) ? ['live', 'bulk'] : ['live']
  const readText = `select id, topic, payload, traceparent from ${service}.outbox
    where lane = $1 and sequence is null and id > $2 and id <> all($3::uuid[]) order by id limit $4`
  const markText = `update ${service}.outbox
    set epoch = $2::jsonb -> id::text ->> 0, sequence = ($2::jsonb -> id::text ->> 1)::bigint
    where id = any($1::uuid[])`
  const backlogText = `select count(*) as count, min(id::text) as oldest
    from (select id from ${service}.outbox where sequence is null limit 100000) unsent`
  const floors = createFloors()

  return {
    startOver: () => floors.startOver(),
    async turn(stored, wanted, also) {
      const atMs = nowMs()
      floors.sweep(atMs)
      const excluded = arrayOf(wanted.known)
      const reads = lanes.map((lane) => statement<Unsent>(readText, [lane, floors.of(lane), excluded, wanted[lane]]))
      const marks = stored.length > 0 ? [mark(markText, stored), ...also] : []
      const answers: readonly (readonly unknown[])[] = await postgres.worker([relaySettings, ...marks, ...reads])
      const [live = [], bulk = []] = answers.slice(1 + marks.length) as Unsent[][]
      const turn = { live, bulk }
      for (const lane of lanes)
        if (turn[lane].length < wanted[lane]) floors.raise(lane, [turn[lane], wanted.known], atMs)
      return turn
    },
    async backlog() {
      const count = statement<{ count: number; oldest: string | null }>(backlogText)
      const [, [row]] = await postgres.worker([relaySettings, count])
      return { count: row?.count ?? 0, oldestMs: row?.oldest ? uuidTimeMs(row.oldest) : null }
    },
    async keepPartitions(at) {
      const keep = statement(`select ops.keep_messaging($1, $2)`, [service, at])
      await postgres.worker([keep], { deadlineMs: partitionsDeadlineMs })
    },
  }
}

/**
 * Trailing floors: nothing unsent stands below them, so that reading passes over none of the rows sent before. They follow
 * the oldest row that is not marked, at a distance, and start over every minute.
 */
function createFloors() {
  const floors: Record<Lane, string> = { live: startOfTime, bulk: startOfTime }
  let sweptAtMs = 0
  function startOver(): void {
    floors.live = startOfTime
    floors.bulk = startOfTime
  }
  return {
    startOver,
    of: (lane: Lane) => floors[lane],
    sweep(atMs: number): void {
      if (Math.abs(atMs - sweptAtMs) < sweepEveryMs) return
      sweptAtMs = atMs
      startOver()
    },
    raise(lane: Lane, [rows, known]: readonly [readonly Unsent[], readonly string[]], atMs: number): void {
      let oldest = uuidFloor(atMs)
      for (const { id } of rows) if (id < oldest) oldest = id
      for (const id of known) if (id < oldest) oldest = id
      floors[lane] = uuidFloor(Math.max(0, uuidTimeMs(oldest) - floorMarginMs))
    },
  }
}

function hasBulk(service: Service): boolean {
  return streams.some(
    ({ publishers, subjects }) =>
      publishers.includes(service) && subjects.some((topic) => topic.startsWith(bulkPrefix)),
  )
}

function mark(text: string, stored: readonly Stored[]): Statement {
  const places = Object.fromEntries(stored.map(({ id, epoch, sequence }) => [id, [epoch, sequence]]))
  return statement(text, [arrayOf(stored.map(({ id }) => id)), JSON.stringify(places)])
}
