import type { SealedText } from '@csr/contracts/events/envelope'
import type { Delivery } from '@csr/contracts/http/ingest'
import { topicOf, type Lane } from '@csr/contracts/streams'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { KnownReport } from '../domain/decide-report.ts'
import type { ReportEvent } from '../events.ts'

/** A row of `ingest.deliveries`, and of `ingest.webhook_ids`. */
export type DeliveryRow = {
  readonly id: string
  readonly endpointId: string
  readonly partner: string
  readonly outcome: Delivery['outcome']
  readonly duplicateOf: string | null
  readonly kind: string | null
  readonly signedId: string
  readonly bodyFingerprint: string
  readonly reportedAt: string | null
  readonly receivedAt: string
  readonly eventId: string | null
  readonly subjectIds: readonly string[]
  readonly peopleSealed: readonly SealedText[]
  readonly bodySealed: SealedText | null
  readonly reasons: string | null
}

/** A report on its way in: its delivery, its natural key and the event it becomes if both are new. */
export type Claim = {
  readonly delivery: DeliveryRow & { readonly reportedAt: string }
  readonly key: string
  readonly content: string
  readonly event: ReportEvent
  readonly lane: Lane
}

/** What was known of a claim before: no `seen_id` and no `version` mean that it is written now. */
export type KnownRow = {
  readonly id: string
  readonly seen_id: string | null
  readonly seen_body: string | null
  readonly version: number | null
  readonly content: string
  readonly reported_at: string
  readonly delivery_id: string
  readonly earlier_contents: readonly string[]
  readonly earlier_delivery_ids: readonly string[]
}

/**
 * Stands between values that travel as one text: JSON escapes it, ids and sealed values have none. A text of nothing but
 * one empty value is read as no value at all, hence the `coalesce` below.
 */
const separator = '\x1e'
const separated = (parameter: string): string => `string_to_array(${parameter}, E'\\x1e')`

const toldTypes = `$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::text[],
  $9::timestamptz[], $10::timestamptz[], $11::uuid[], ${separated('$12')}, ${separated('$13')}, $14::text[], $15::text[]`
const toldNames = `id, endpoint_id, partner, outcome, duplicate_of, kind, signed_id, body_fingerprint, reported_at,
  received_at, event_id, subject_ids, people_sealed, body_sealed, reasons`

const intoWebhookIds = `
  insert into ingest.webhook_ids (tenant_id, endpoint_id, signed_id, body_fingerprint, delivery_id)
  select ops.tenant_id(), endpoint_id, signed_id, body_fingerprint, coalesce(duplicate_of, id)`
const intoDeliveries = `
  insert into ingest.deliveries (tenant_id, id, endpoint_id, partner, outcome, duplicate_of, kind, reported_at, received_at,
    event_id, subject_ids, people_sealed, body_sealed, reasons)
  select ops.tenant_id(), id, endpoint_id, partner, outcome, duplicate_of, kind, reported_at, received_at, event_id,
    coalesce(string_to_array(subject_ids, ' '), '{}')::uuid[], coalesce(string_to_array(people_sealed, ' '), '{}'),
    body_sealed, reasons::jsonb`

function toldValues(rows: readonly DeliveryRow[]): string[] {
  return [
    plainArrayOf(rows, (row) => row.id),
    plainArrayOf(rows, (row) => row.endpointId),
    plainArrayOf(rows, (row) => row.partner),
    plainArrayOf(rows, (row) => row.outcome),
    plainArrayOf(rows, (row) => row.duplicateOf),
    plainArrayOf(rows, (row) => row.kind),
    plainArrayOf(rows, (row) => row.signedId),
    plainArrayOf(rows, (row) => row.bodyFingerprint),
    plainArrayOf(rows, (row) => row.reportedAt),
    plainArrayOf(rows, (row) => row.receivedAt),
    plainArrayOf(rows, (row) => row.eventId),
    rows.map((row) => row.subjectIds.join(' ')).join(separator),
    rows.map((row) => row.peopleSealed.join(' ')).join(separator),
    plainArrayOf(rows, (row) => row.bodySealed as string | null),
    arrayOf(rows.map((row) => row.reasons)),
  ]
}

/** An array literal of ids, fingerprints, times, names of ours and sealed values: nothing in them needs quotes. */
function plainArrayOf<Row>(rows: readonly Row[], value: (row: Row) => string | null): string {
  return `{${rows.map((row) => value(row) ?? 'null').join(',')}}`
}

/**
 * Writes webhook id, delivery, natural key and outgoing event of every claim whose signed id and natural key are both
 * new, and answers what is known of each. No two claims of a call may share either. A claim that is beaten by another
 * instance in this very moment is a unique violation: the group is repeated one by one.
 */
export function claimReports(claims: readonly Claim[]): Statement<KnownRow> {
  return statement(claimText, [
    ...toldValues(claims.map(({ delivery }) => delivery)),
    plainArrayOf(claims, ({ key }) => key),
    plainArrayOf(claims, ({ content }) => content),
    plainArrayOf(claims, ({ event, lane }) => topicOf(event.type, lane)),
    plainArrayOf(claims, ({ lane }) => lane),
    claims.map(({ event }) => JSON.stringify(event)).join(separator),
  ])
}

const claimText = `
with claim as materialized (
  select * from unnest(${toldTypes}, $16::uuid[], $17::uuid[], $18::text[], $19::text[],
      ${separated('$20')})
    as told (${toldNames}, key, content, topic, lane, payload)),
known as materialized (
  select claim.id, seen.*, held.*
  from claim
  left join lateral (
    select delivery_id as seen_id, body_fingerprint as seen_body from ingest.webhook_ids
    where tenant_id = ops.tenant_id() and endpoint_id = claim.endpoint_id and signed_id = claim.signed_id
    limit 1) seen on true
  left join lateral (
    select version, content, reported_at, delivery_id, earlier_contents, earlier_delivery_ids
    from ingest.natural_keys where tenant_id = ops.tenant_id() and key = claim.key
    limit 1) held on true),
fresh as materialized (
  select claim.* from claim join known using (id) where known.seen_id is null and known.version is null),
keyed as (
  insert into ingest.natural_keys (tenant_id, key, version, content, reported_at, delivery_id)
  select ops.tenant_id(), key, 1, content, reported_at, id from fresh),
identified as (${intoWebhookIds} from fresh),
received as (${intoDeliveries} from fresh),
sent as (
  insert into ingest.outbox (tenant_id, id, topic, lane, payload)
  select ops.tenant_id(), event_id, topic, lane, payload from fresh)
select * from known`

/** Writes deliveries with their webhook ids; one that was seen is a unique violation of `webhook_ids_pkey`. */
export function insertDeliveries(rows: readonly DeliveryRow[]): Statement {
  return statement(insertText, toldValues(rows))
}

const insertText = `
with told as materialized (select * from unnest(${toldTypes}) as told (${toldNames})),
identified as (${intoWebhookIds} from told)
${intoDeliveries} from told`

/** Replaces what is known of a natural key; raises CS001 where somebody else did since `version` was read. */
export function updateNaturalKey(key: string, version: number, next: KnownReport): Statement {
  return statement(updateText, [
    key,
    version,
    next.content,
    next.reportedAt,
    next.deliveryId,
    plainArrayOf(next.earlier, ({ content }) => content),
    plainArrayOf(next.earlier, ({ deliveryId }) => deliveryId),
  ])
}

const updateText = `
with updated as (
  update ingest.natural_keys set version = version + 1, content = $3, reported_at = $4, delivery_id = $5,
    earlier_contents = $6::uuid[], earlier_delivery_ids = $7::uuid[]
  where tenant_id = ops.tenant_id() and key = $1 and version = $2 returning 1)
select ops.expect(count(*), 1) from updated`

export function selectSeen(endpointId: string, signedId: string): Statement<{ delivery_id: string; body: string }> {
  return statement(
    `select delivery_id, body_fingerprint as body from ingest.webhook_ids
      where tenant_id = ops.tenant_id() and endpoint_id = $1 and signed_id = $2`,
    [endpointId, signedId],
  )
}

export type ListedRow = {
  readonly id: string
  readonly endpoint_id: string
  readonly partner: Delivery['partner']
  readonly outcome: Delivery['outcome']
  readonly kind: string | null
  readonly received_at: string
  readonly duplicate_of: string | null
  readonly reasons: Delivery['reasons'] | null
}

/** Newest first; ids are UUIDv7, so their order is the order of arrival. */
export function selectDeliveries(before: string | null, limit: number): Statement<ListedRow> {
  return statement(
    `select id, endpoint_id, partner, outcome, kind, received_at, duplicate_of, reasons from ingest.deliveries
      where tenant_id = ops.tenant_id() and id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      order by id desc limit $2`,
    [before, limit],
  )
}
