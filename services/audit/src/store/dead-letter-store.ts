import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import type {
  DeadLetterAct,
  DeadLetterDetail,
  DeadLetterEntry,
  DeadLetterFilter,
  DeadLetterGroup,
} from '@csr/contracts/http/dead-letters'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import { deadLetterForgotten, type SealedEntry } from '../events.ts'
import { entryColumns, filterValues, matchesFilter } from './dead-letter-filter.ts'

/** A page of what fits, newest first; `before` is the id the page starts under. */
export type DeadLetterPage = {
  readonly filter: DeadLetterFilter
  readonly before: string | null
  readonly limit: number
}

/** `newestId` is the id of the latest entry of the group, by which groups are paged. */
export type GroupRow = DeadLetterGroup & { readonly newestId: string }

/** What services gave up on. Operators see metadata across tenants; payloads stay as they were. */
export interface DeadLetterStore {
  /** for the consumer's own group */
  keep(letters: readonly Event<string, DeadLetter>[]): Statement
  list(page: DeadLetterPage): Promise<DeadLetterEntry[]>
  groups(page: DeadLetterPage): Promise<GroupRow[]>
  /** with what was done about it, newest first */
  find(id: string): Promise<DeadLetterDetail | null>
  /** has the keys of sealed messages destroyed and removes entries that came before `beforeMs`, and all that was done about them; returns how many */
  expire(beforeMs: number): Promise<number>
}

const expiredAtOnce = 1_000
const expiryDeadlineMs = 10_000

const actColumns = `id, kind, actor_id as "actorId", at, sent_at as "sentAt", bulk_id as "bulkId", reason, outcome, code,
  settled_at as "settledAt"`

const groupText = `select fingerprint, service, consumer, reason, code, count(*)::int as count,
    count(*) filter (where state = 'open')::int as open, count(*) filter (where state = 'replayed')::int as replayed,
    count(*) filter (where state = 'resolved')::int as resolved,
    count(*) filter (where state = 'discarded')::int as discarded,
    min(first_at) as "firstAt", max(last_at) as "lastAt", max(id::text) as "newestId"
  from audit.dead_letters where ${matchesFilter}
  group by fingerprint, service, consumer, reason, code
  having $10::text is null or max(id::text) < $10 order by max(id::text) desc limit $11::int`

type Deps = {
  readonly postgres: Pick<Postgres, 'worker' | 'group'>
  readonly stamp: () => { readonly id: string; readonly time: string }
  readonly wake: () => void
}

export function createDeadLetterStore(deps: Deps): DeadLetterStore {
  const { postgres } = deps
  return {
    keep: (letters) =>
      statement(
        `insert into audit.dead_letters (tenant_id, id, inbox_id, service, consumer, topic, stream, epoch, sequence,
           event_id, reason, code, attempts, fingerprint, traceparent, first_at, last_at, form, bytes, payload)
         select ops.tenant_id(), id, "inboxId", service, consumer, topic, stream, epoch, sequence,
           "eventId", reason, code, attempts, fingerprint, traceparent, "firstAt", "lastAt", form, bytes, payload
         from json_to_recordset($1::text::json) as letter (id uuid, "inboxId" uuid, service text, consumer text,
           topic text, stream text, epoch text, sequence bigint, "eventId" text, reason text, code text, attempts int,
           fingerprint text, traceparent text, "firstAt" timestamptz, "lastAt" timestamptz, form text, bytes int,
           payload text)`,
        [JSON.stringify(letters.map(rowOf))],
      ),

    async list({ filter, before, limit }) {
      const text = `select ${entryColumns} from audit.dead_letters
        where ${matchesFilter} and ($10::uuid is null or id < $10) order by id desc limit $11::int`
      const [rows] = await postgres.worker([statement<DeadLetterEntry>(text, [...filterValues(filter), before, limit])])
      return rows
    },

    async groups({ filter, before, limit }) {
      const [rows] = await postgres.worker([statement<GroupRow>(groupText, [...filterValues(filter), before, limit])])
      return rows
    },

    async find(id) {
      const [[entry], acts] = await postgres.worker([
        statement<DeadLetterEntry>(`select ${entryColumns} from audit.dead_letters where id = $1::uuid`, [id]),
        statement<DeadLetterAct>(
          `select ${actColumns} from audit.dead_letter_acts where dead_letter_id = $1::uuid order by at desc, id desc`,
          [id],
        ),
      ])
      return entry ? { ...entry, acts } : null
    },

    async expire(beforeMs) {
      const floor = uuidFloor(beforeMs)
      await forgetSealed(deps, floor)
      return await expire(postgres, floor)
    },
  }
}

/**
 * An entry whose message is sealed goes once the request to destroy its key is committed with the message's removal: a
 * crash in between leaves the entry to the next round.
 */
async function forgetSealed({ postgres, stamp, wake }: Deps, floor: string): Promise<void> {
  for (;;) {
    const [due] = await postgres.worker([
      statement<SealedEntry & { readonly tenantId: string }>(
        `select id, tenant_id as "tenantId", service from audit.dead_letters
         where id < $1::uuid and form = 'sealed' and payload <> '' order by id limit ${expiredAtOnce}`,
        [floor],
      ),
    ])
    for (const [tenantId, entries] of Map.groupBy(due, (entry) => entry.tenantId)) {
      await postgres.group(tenantId, [
        statement(`update audit.dead_letters set payload = '' where id = any($1::uuid[])`, [
          arrayOf(entries.map(({ id }) => id)),
        ]),
        insertEvents(
          'audit',
          entries.map((entry) => deadLetterForgotten(entry, tenantId, stamp())),
        ),
      ])
      wake()
    }
    if (due.length < expiredAtOnce) return
  }
}

async function expire(postgres: Pick<Postgres, 'worker'>, floor: string): Promise<number> {
  for (let total = 0; ;) {
    const [gone] = await postgres.worker(
      [
        statement<{ id: string }>(
          `delete from audit.dead_letters where id in (
             select id from audit.dead_letters where id < $1::uuid and (form <> 'sealed' or payload = '') order by id limit ${expiredAtOnce})
           returning id`,
          [floor],
        ),
        statement(`delete from audit.bulk_replays where id < $1::uuid and ended_at is not null`, [floor]),
      ],
      { deadlineMs: expiryDeadlineMs },
    )
    total += gone.length
    if (gone.length < expiredAtOnce) return total
  }
}

/** Postgres text holds no NUL, and what could not be decoded may. */
function rowOf({ id, type, causationid, data }: Event<string, DeadLetter>) {
  const payload = data.payload.replaceAll('\0', '\uFFFD')
  const service = type.split('.')[1]
  return { ...data, id, inboxId: causationid, service, form: data.form ?? 'received', bytes: data.bytes ?? 0, payload }
}
