import type { DeadLetterFilter } from '@csr/contracts/http/dead-letters'

/** Columns of `audit.dead_letters` as operators see them: never the payload. */
export const entryColumns = `id, tenant_id as "tenantId", service, consumer, topic, stream, sequence, event_id as "eventId",
  reason, code, attempts, replays, fingerprint, state, form, bytes, traceparent, first_at as "firstAt", last_at as "lastAt"`

/** A condition on the first nine parameters, to be used with `filterValues`. */
export const matchesFilter = `($1::text is null or service = $1) and ($2::text is null or consumer = $2)
  and ($3::text is null or reason = $3) and ($4::text is null or code = $4)
  and ($5::text is null or fingerprint = $5) and ($6::uuid is null or tenant_id = $6)
  and ($7::timestamptz is null or last_at >= $7) and ($8::timestamptz is null or last_at < $8)
  and ($9::text is null or state = $9)`

export function filterValues(filter: DeadLetterFilter): (string | null)[] {
  const { service, consumer, reason, code, fingerprint, tenant, since, until, state } = filter
  return [service, consumer, reason, code, fingerprint, tenant, since, until, state].map((value) => value ?? null)
}
