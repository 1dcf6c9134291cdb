import type { SealedText } from '@csr/contracts/events/envelope'
import { topicOf } from '@csr/contracts/streams'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { Delivery } from '@csr/contracts/http/ingest'
import type { KnownReport } from '../domain/decide-report.ts'
import type { ReportEvent } from '../events.ts'

/** A row of `ingest.deliveries`. */
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
}

/** What was known of a claim before: both nulls mean that it is written now. */
export type KnownRow = {
  readonly id: string
  readonly seen_id: string | null
  readonly seen_body: string | null
  readonly seen_duplicate_of: string | null
  readonly version: number | null
  readonly content: string
  readonly reported_at: string
  readonly delivery_id: string
  readonly earlier_contents: readonly string[]
  readonly earlier_delivery_ids: readonly string[]
}

/** Of `ingest.deliveries`, as `unnest` takes them; arrays inside travel as their literals. */
const deliveryTypes = `$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::text[],
  $9::timestamptz[], $10::timestamptz[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[]`
const deliveryNames = `id, endpoint_id, partner, outcome, duplicate_of, kind, signed_id, body_fingerprint,
  reported_at, received_at, event_id, subject_ids, people_sealed, body_sealed, reasons`
const deliveryValues = `ops.tenant_id(), id, endpoint_id, partner, outcome, duplicate_of, kind, signed_id,
  body_fingerprint, reported_at, received_at, event_id, subject_ids::uuid[], people_sealed::text[], body_sealed,
  reasons::jsonb`

function deliveryArrays(rows: readonly DeliveryRow[]): string[] {
  const column = (value: (row: DeliveryRow) => string | null): string => arrayOf(rows.map(value))
  return [
    column((row) => row.id),
    column((row) => row.endpointId),
    column((row) => row.partner),
    column((row) => row.outcome),
    column((row) => row.duplicateOf),
    column((row) => row.kind),
    column((row) => row.signedId),
    column((row) => row.bodyFingerprint),
    column((row) => row.reportedAt),
    column((row) => row.receivedAt),
    column((row) => row.eventId),
    column((row) => arrayOf(row.subjectIds)),
    column((row) => arrayOf(row.peopleSealed as unknown as string[])),
    column((row) => row.bodySealed as string | null),
    column((row) => row.reasons),
  ]
}

/**
 * Plans of named statements stay. One made while a table is small would read it whole for ever after, hence this in front
 * of the look-ups below; and each look-up is a lateral one with a limit, which is never turned into a join over the index.
 */
export const preferIndexes: Statement = statement(`select set_config('enable_seqscan', 'off', true)`)

/**
 * Writes delivery, natural key and outgoing event of every claim whose signed id and natural key are both new, and
 * answers what is known of each. No two claims of a call may share either. A claim that is beaten by another instance in
 * this very moment is a unique violation: the group is repeated one by one.
 */
export function claimReports(claims: readonly Claim[]): Statement<KnownRow> {
  return statement(claimText, [
    ...deliveryArrays(claims.map(({ delivery }) => delivery)),
    arrayOf(claims.map(({ key }) => key)),
    arrayOf(claims.map(({ content }) => content)),
    arrayOf(claims.map(({ event }) => topicOf(event.type, 'live'))),
    arrayOf(claims.map(({ event }) => JSON.stringify(event))),
  ])
}

const claimText = `
with claim as materialized (
  select * from unnest(${deliveryTypes}, $16::uuid[], $17::uuid[], $18::text[], $19::text[])
    as told (${deliveryNames}, key, content, topic, payload)),
known as materialized (
  select claim.id, seen.*, held.*
  from claim
  left join lateral (
    select id as seen_id, body_fingerprint as seen_body, duplicate_of as seen_duplicate_of
    from ingest.deliveries
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
received as (
  insert into ingest.deliveries (tenant_id, ${deliveryNames}) select ${deliveryValues} from fresh),
sent as (
  insert into ingest.outbox (tenant_id, id, topic, lane, payload)
  select ops.tenant_id(), event_id, topic, 'live', payload from fresh)
select * from known`

export function insertDeliveries(rows: readonly DeliveryRow[]): Statement {
  return statement(insertText, deliveryArrays(rows))
}

const insertText = `
insert into ingest.deliveries (tenant_id, ${deliveryNames})
select ${deliveryValues} from unnest(${deliveryTypes}) as told (${deliveryNames})`

/** Replaces what is known of a natural key; raises CS001 where somebody else did since `version` was read. */
export function updateNaturalKey(key: string, version: number, next: KnownReport): Statement {
  return statement(updateText, [
    key,
    version,
    next.content,
    next.reportedAt,
    next.deliveryId,
    arrayOf(next.earlier.map(({ content }) => content)),
    arrayOf(next.earlier.map(({ deliveryId }) => deliveryId)),
  ])
}

const updateText = `
with updated as (
  update ingest.natural_keys set version = version + 1, content = $3, reported_at = $4, delivery_id = $5,
    earlier_contents = $6::uuid[], earlier_delivery_ids = $7::uuid[]
  where tenant_id = ops.tenant_id() and key = $1 and version = $2 returning 1)
select ops.expect(count(*), 1) from updated`

export function selectSeen(
  endpointId: string,
  signedId: string,
): Statement<{ id: string; body: string; duplicate_of: string | null }> {
  return statement(
    `select id, body_fingerprint as body, duplicate_of from ingest.deliveries
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
