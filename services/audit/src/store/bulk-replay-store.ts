import type { BulkReplay, ReplayFilter } from '@csr/contracts/http/dead-letters'
import { platformTenantId } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { bulkReplayEnded, bulkReplayRequested } from '../events.ts'
import { filterValues, matchesFilter } from './dead-letter-filter.ts'
import type { Asker } from './replay-store.ts'

/** What is left of one group of a bulk replay. */
export type GroupProgress = {
  readonly fingerprint: string
  readonly waiting: number
  readonly running: number
  readonly effective: number
  readonly failed: number
}

/** A planned replay that is due. */
export type Planned = { readonly id: string; readonly deadLetterId: string }

/** What would be replayed, by group. */
export type Preview = {
  readonly total: number
  readonly groups: { readonly fingerprint: string; readonly consumer: string; readonly count: number }[]
}

/** Replays of many entries: planned once, then carried out piece by piece, so that a kill loses and doubles nothing. */
export interface BulkReplayStore {
  preview(filter: ReplayFilter): Promise<Preview>
  /** commits what is to be carried out, with the statements that keep the answer */
  request(
    filter: ReplayFilter,
    asker: Asker,
    keep?: (requested: BulkReplay) => Promise<readonly Statement[]>,
  ): Promise<BulkReplay>
  find(id: string): Promise<BulkReplay | null>
  /** those not ended, oldest first */
  underWay(): Promise<{ readonly id: string; readonly state: BulkReplay['state']; readonly asker: Asker }[]>
  /** writes down which entries are meant; what fits later is not part of it */
  plan(id: string): Promise<void>
  progress(id: string): Promise<GroupProgress[]>
  due(id: string, fingerprint: string, limit: number): Promise<Planned[]>
  /** a planned replay that cannot be carried out, or the rest of a group that failed again */
  skip(id: string, which: { readonly actId: string } | { readonly fingerprint: string }): Promise<void>
  end(bulk: BulkReplay, state: 'completed' | 'stopped'): Promise<void>
}

/** Entries one bulk replay takes at most, oldest first; what is left over is a second one. */
const entriesMax = 10_000
const planDeadlineMs = 20_000

type Deps = {
  readonly postgres: Pick<Postgres, 'worker' | 'group'>
  readonly stamp: () => { readonly id: string; readonly time: string }
  readonly wake: () => void
}

type BulkRow = Omit<BulkReplay, 'filter'> & { readonly filter: string; readonly requestId: string }

const bulkColumns = `b.id, b.state, b.filter, b.actor_id as "actorId", b.request_id as "requestId", b.total,
  b.requested_at as "requestedAt", b.ended_at as "endedAt"`

const countsText = `count(a.id) filter (where sent_at is null and outcome is null)::int as waiting,
  count(a.id) filter (where sent_at is not null and outcome is null)::int as running,
  count(a.id) filter (where outcome = 'failed')::int as failed`

export function createBulkReplayStore(deps: Deps): BulkReplayStore {
  const { postgres, stamp, wake } = deps
  return {
    async preview(filter) {
      const text = `select fingerprint, min(consumer) as consumer, count(*)::int as count from audit.dead_letters
        where ${matchesFilter} group by fingerprint order by count(*) desc, fingerprint`
      const [groups] = await postgres.worker([statement<Preview['groups'][number]>(text, openOf(filter))])
      return { total: groups.reduce((total, { count }) => total + count, 0), groups }
    },

    async request(filter, asker, keep) {
      const { id, time } = stamp()
      const requested = requestedOf(id, time, asker, filter)
      await postgres.group(platformTenantId, [
        statement(
          `insert into audit.bulk_replays (tenant_id, id, state, filter, actor_id, request_id, requested_at)
           values (ops.tenant_id(), $1, 'requested', $2, $3, $4, $5)`,
          [id, JSON.stringify(filter), asker.actorId, asker.requestId, time],
        ),
        insertEvents('audit', [bulkReplayRequested(id, { ...stamp(), ...asker })]),
        ...((await keep?.(requested)) ?? []),
      ])
      wake()
      return requested
    },

    async find(id) {
      const text = `select ${bulkColumns}, ${countsText},
          count(*) filter (where outcome = 'effective')::int as effective,
          count(*) filter (where outcome = 'already-effective')::int as "alreadyEffective",
          count(*) filter (where outcome = 'skipped')::int as skipped
        from (select * from audit.bulk_replays where id = $1::uuid) b
        left join audit.dead_letter_acts a on a.bulk_id = b.id group by ${groupedBy}`
      const [[row]] = await postgres.worker([statement<BulkRow>(text, [id])])
      if (!row) return null
      return { ...row, filter: JSON.parse(row.filter) as BulkReplay['filter'] }
    },

    async underWay() {
      const text = `select id, state, actor_id as "actorId", request_id as "requestId" from audit.bulk_replays
        where ended_at is null order by id`
      const [rows] = await postgres.worker([statement<{ id: string; state: BulkReplay['state'] } & Asker>(text)])
      return rows.map(({ id, state, actorId, requestId }) => ({ id, state, asker: { actorId, requestId } }))
    },

    plan: (id) => plan(deps, id),

    ...createSteps(deps),
  }
}

/** Nothing is planned yet. */
function requestedOf(id: string, requestedAt: string, { actorId }: Asker, asked: ReplayFilter): BulkReplay {
  const filter = JSON.parse(JSON.stringify(asked)) as BulkReplay['filter']
  const counts = { total: 0, waiting: 0, running: 0, effective: 0, alreadyEffective: 0, failed: 0, skipped: 0 }
  return { id, state: 'requested', filter, actorId, ...counts, requestedAt, endedAt: null }
}

/** What the job that carries them out reads and writes. */
function createSteps({ postgres, stamp, wake }: Deps): Pick<BulkReplayStore, 'progress' | 'due' | 'skip' | 'end'> {
  return {
    async progress(id) {
      const text = `select fingerprint, ${countsText},
          count(*) filter (where outcome in ('effective', 'already-effective'))::int as effective
        from audit.dead_letter_acts a where bulk_id = $1::uuid group by fingerprint order by fingerprint`
      const [rows] = await postgres.worker([statement<GroupProgress>(text, [id])])
      return rows
    },

    async due(id, fingerprint, limit) {
      const text = `select id, dead_letter_id as "deadLetterId" from audit.dead_letter_acts
        where bulk_id = $1::uuid and fingerprint = $2 and sent_at is null and outcome is null
        order by dead_letter_id limit $3::int`
      const [rows] = await postgres.worker([statement<Planned>(text, [id, fingerprint, limit])])
      return rows
    },

    async skip(id, which) {
      const [column, value] = 'actId' in which ? ['id::text', which.actId] : ['fingerprint', which.fingerprint]
      const text = `update audit.dead_letter_acts set outcome = 'skipped', settled_at = $3
        where bulk_id = $1::uuid and ${column} = $2 and sent_at is null and outcome is null`
      await postgres.worker([statement(text, [id, value, stamp().time])])
    },

    async end({ id, total, effective, alreadyEffective, failed, skipped }, state) {
      const told = { state, total, effective: effective + alreadyEffective, failed, skipped }
      const ending = stamp()
      await postgres.group(platformTenantId, [
        statement(
          `with ended as (update audit.bulk_replays set state = $2, ended_at = $3 where id = $1::uuid and ended_at is null
             returning 1)
           select ops.expect(count(*), 1) from ended`,
          [id, state, ending.time],
        ),
        insertEvents('audit', [bulkReplayEnded(id, ending, told)]),
      ])
      wake()
    },
  }
}

const groupedBy = 'b.id, b.state, b.filter, b.actor_id, b.request_id, b.total, b.requested_at, b.ended_at'

async function plan({ postgres, stamp }: Deps, id: string): Promise<void> {
  const [[bulk]] = await postgres.worker([
    statement<{ filter: string }>(`select filter from audit.bulk_replays where id = $1::uuid`, [id]),
  ])
  if (!bulk) return
  const fitting = `select id from audit.dead_letters where ${matchesFilter} order by id limit ${entriesMax}`
  const [meant] = await postgres.worker(
    [statement<{ id: string }>(fitting, openOf(JSON.parse(bulk.filter) as ReplayFilter))],
    { deadlineMs: planDeadlineMs },
  )
  const acts = meant.map(() => stamp().id)
  const written = [
    statement(planText, [id, stamp().time, arrayOf(acts), arrayOf(meant.map((entry) => entry.id))]),
    statement(
      `update audit.bulk_replays set state = 'running',
         total = (select count(*) from audit.dead_letter_acts where bulk_id = $1::uuid)
       where id = $1::uuid and state = 'requested'`,
      [id],
    ),
  ]
  await postgres.worker(written, { deadlineMs: planDeadlineMs })
}

const planText = `insert into audit.dead_letter_acts (tenant_id, id, dead_letter_id, kind, bulk_id, fingerprint, actor_id,
    request_id, at)
  select d.tenant_id, meant.act_id, d.id, 'replay', b.id, d.fingerprint, b.actor_id, b.request_id, $2
  from unnest($3::uuid[], $4::uuid[]) as meant (act_id, id)
  join audit.dead_letters d using (id), audit.bulk_replays b
  where b.id = $1::uuid and b.state = 'requested'`

const openOf = (filter: ReplayFilter) => filterValues({ ...filter, state: 'open' })
