import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import type { DeadLetterEntry } from '@csr/contracts/http/audit'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'

/** What services gave up on. Operators see metadata across tenants; payloads stay sealed as they were. */
export interface DeadLetterStore {
  /** for the consumer's own group */
  keep(letters: readonly Event<string, DeadLetter>[]): Statement
  /** newest first; `before` is the id the page starts under */
  list(page: { readonly before: string | null; readonly limit: number }): Promise<DeadLetterEntry[]>
  find(id: string): Promise<DeadLetterEntry | null>
}

const columns = `id, tenant_id as "tenantId", service, consumer, topic, event_id as "eventId", reason, code, attempts,
  fingerprint, first_at as "firstAt", last_at as "lastAt"`

export function createDeadLetterStore({ postgres }: { readonly postgres: Pick<Postgres, 'worker'> }): DeadLetterStore {
  return {
    keep: (letters) =>
      statement(
        `insert into audit.dead_letters (tenant_id, id, service, consumer, topic, stream, epoch, sequence, event_id, reason,
           code, attempts, fingerprint, traceparent, first_at, last_at, payload)
         select ops.tenant_id(), id, service, consumer, topic, stream, epoch, sequence, "eventId", reason,
           code, attempts, fingerprint, traceparent, "firstAt", "lastAt", payload
         from json_to_recordset($1::text::json) as letter (id uuid, service text, consumer text, topic text, stream text,
           epoch text, sequence bigint, "eventId" text, reason text, code text, attempts int, fingerprint text,
           traceparent text, "firstAt" timestamptz, "lastAt" timestamptz, payload text)`,
        [JSON.stringify(letters.map(rowOf))],
      ),

    async list({ before, limit }) {
      const [rows] = await postgres.worker([
        statement<DeadLetterEntry>(
          `select ${columns} from audit.dead_letters where $1::uuid is null or id < $1 order by id desc limit $2::int`,
          [before, limit],
        ),
      ])
      return rows
    },

    async find(id) {
      const [rows] = await postgres.worker([
        statement<DeadLetterEntry>(`select ${columns} from audit.dead_letters where id = $1::uuid`, [id]),
      ])
      return rows[0] ?? null
    },
  }
}

/** Postgres text holds no NUL, and what could not be decoded may. */
function rowOf({ id, type, data }: Event<string, DeadLetter>) {
  return { ...data, id, service: type.split('.')[1], payload: data.payload.replaceAll('\0', '\uFFFD') }
}
