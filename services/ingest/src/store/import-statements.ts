import type { SealedText } from '@csr/contracts/events/envelope'
import type { ImportRow, ImportStatus } from '@csr/contracts/http/ingest'
import type { ImportSchemaName } from '@csr/contracts/imports/schemas'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'

export type ImportRecord = {
  readonly id: string
  readonly schema: ImportSchemaName
  readonly state: 'uploading' | ImportStatus['state']
  readonly bytes: number
  readonly bytesRead: number
  readonly chunks: number
  readonly accepted: number
  readonly duplicate: number
  readonly quarantined: number
  readonly receivedAt: string
  readonly completedAt: string | null
}

const columns = `id, schema, state, bytes, bytes_read as "bytesRead", chunks, accepted, duplicate, quarantined,
  received_at as "receivedAt", completed_at as "completedAt"`

export function insertImport(id: string, schema: string, actorId: string, at: string): Statement {
  return statement(
    `insert into ingest.imports (tenant_id, id, schema, state, actor_id, received_at)
     values (ops.tenant_id(), $1::uuid, $2, 'uploading', $3, $4::timestamptz)`,
    [id, schema, actorId, at],
  )
}

export function insertChunk(importId: string, chunk: number, pieces: readonly SealedText[]): Statement {
  return statement(
    `insert into ingest.import_chunks (tenant_id, import_id, chunk, content_sealed)
     values (ops.tenant_id(), $1::uuid, $2::int, $3::text[])`,
    [importId, chunk, arrayOf(pieces as unknown as string[])],
  )
}

/** A file that is stored whole, and none of whose rows was looked at. */
export function receivedImport(
  file: Pick<ImportRecord, 'id' | 'schema' | 'bytes' | 'chunks' | 'receivedAt'>,
): ImportRecord {
  const rows = { bytesRead: 0, accepted: 0, duplicate: 0, quarantined: 0, completedAt: null }
  return { ...file, state: 'received', ...rows }
}

export function markReceived({ id, bytes, chunks }: ImportRecord): Statement {
  return statement(
    `with received as (update ingest.imports set state = 'received', bytes = $2::bigint, chunks = $3::int
       where id = $1::uuid and state = 'uploading' returning 1)
     select ops.expect((select count(*) from received), 1)`,
    [id, bytes, chunks],
  )
}

/** An upload that broke off leaves nothing. */
export function forgetImport(importId: string): readonly Statement[] {
  return [
    statement('delete from ingest.import_chunks where import_id = $1::uuid', [importId]),
    statement(`delete from ingest.imports where id = $1::uuid and state = 'uploading'`, [importId]),
  ]
}

/** One piece of a chunk, from 0; null behind the last one. Pieces, not chunks: large values outlive many collections. */
export function selectPiece(importId: string, chunk: number, piece: number): Statement<{ sealed: SealedText | null }> {
  return statement(
    `select content_sealed[$3::int + 1] as sealed from ingest.import_chunks
     where tenant_id = ops.tenant_id() and import_id = $1::uuid and chunk = $2::int`,
    [importId, chunk, piece],
  )
}

export function selectImport(id: string): Statement<ImportRecord> {
  return statement(`select ${columns} from ingest.imports where tenant_id = ops.tenant_id() and id = $1::uuid`, [id])
}

export function selectImports(before: string | null, limit: number): Statement<ImportRecord> {
  return statement(
    `select ${columns} from ingest.imports
     where state <> 'uploading' and ($1::uuid is null or id < $1) order by id desc limit $2::int`,
    [before, limit],
  )
}

export type ListedRow = Omit<ImportRow, 'reasons'> & { readonly reasons: ImportRow['reasons'] | null }

export function selectRows(
  importId: string,
  { status, before, limit }: { readonly status: string | null; readonly before: number | null; readonly limit: number },
): Statement<ListedRow> {
  return statement(
    `select row, status, reasons from ingest.import_rows
     where tenant_id = ops.tenant_id() and import_id = $1::uuid and ($2::text is null or status = $2)
       and ($3::int is null or row < $3) order by row desc limit $4::int`,
    [importId, status, before, limit],
  )
}

/** For the worker: files whose rows are to be worked off, the oldest first, and uploads that broke off. */
export type DueImport = {
  readonly tenantId: string
  readonly id: string
  readonly state: string
  readonly receivedAt: string
}

const dueColumns = `tenant_id as "tenantId", id, state, received_at as "receivedAt"`

/** The oldest file of each tenant, however many it has, and uploads that are not over. */
export const selectDue: Statement<DueImport> = statement(
  `select * from (
     select distinct on (tenant_id) ${dueColumns} from ingest.imports
     where state in ('received', 'running') order by tenant_id, id) oldest
   union all
   (select ${dueColumns} from ingest.imports where state = 'uploading' order by id limit 100)
   order by id`,
)

/** One row of `ingest.import_rows`. */
export type RowRecord = {
  readonly row: number
  readonly status: ImportRow['status']
  readonly id: string
  readonly subjectIds: readonly string[]
  readonly peopleSealed: readonly SealedText[]
  readonly rowSealed: SealedText | null
  readonly reasons: ImportRow['reasons'] | null
}

export function insertRows(importId: string, rows: readonly RowRecord[]): Statement {
  return statement(
    `insert into ingest.import_rows (tenant_id, import_id, row, status, id, subject_ids, people_sealed, row_sealed, reasons)
     select ops.tenant_id(), $1::uuid, row, status, id,
       coalesce(string_to_array(nullif(subject_ids, ''), ' '), '{}')::uuid[],
       coalesce(string_to_array(nullif(people_sealed, ''), ' '), '{}'), row_sealed, reasons::jsonb
     from unnest($2::int[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[])
       as told (row, status, id, subject_ids, people_sealed, row_sealed, reasons)`,
    [
      importId,
      arrayOf(rows.map(({ row }) => row)),
      arrayOf(rows.map(({ status }) => status)),
      arrayOf(rows.map(({ id }) => id)),
      arrayOf(rows.map(({ subjectIds }) => subjectIds.join(' '))),
      arrayOf(rows.map(({ peopleSealed }) => peopleSealed.join(' '))),
      arrayOf(rows.map(({ rowSealed }) => rowSealed as unknown as string | null)),
      arrayOf(rows.map(({ reasons }) => reasons && JSON.stringify(reasons))),
    ],
  )
}

export type Progress = { readonly accepted: number; readonly duplicate: number; readonly quarantined: number }

/** Moves the counts on; CS001 where another process has worked on this file since `before` was read. */
export function advance(
  importId: string,
  before: Progress,
  next: Progress & { readonly bytesRead: number },
): Statement {
  return statement(
    `with moved as (
       update ingest.imports set state = 'running', accepted = $2::bigint, duplicate = $3::bigint, quarantined = $4::bigint,
         bytes_read = $5::bigint
       where tenant_id = ops.tenant_id() and id = $1::uuid and state in ('received', 'running')
         and (accepted, duplicate, quarantined) = ($6::bigint, $7::bigint, $8::bigint) returning 1)
     select ops.expect((select count(*) from moved), 1)`,
    [
      ...[importId, next.accepted, next.duplicate, next.quarantined, next.bytesRead],
      ...[before.accepted, before.duplicate, before.quarantined],
    ],
  )
}

export function finish(importId: string, state: ImportStatus['state'], at: string): readonly Statement[] {
  return [
    statement(
      `with finished as (
         update ingest.imports set state = $2, completed_at = $3::timestamptz, bytes_read = bytes
         where tenant_id = ops.tenant_id() and id = $1::uuid and state in ('received', 'running') returning 1)
       select ops.expect((select count(*) from finished), 1)`,
      [importId, state, at],
    ),
    statement('delete from ingest.import_chunks where tenant_id = ops.tenant_id() and import_id = $1::uuid', [
      importId,
    ]),
  ]
}

/** Ends every file of the tenant that is not worked off, and forgets what they hold. */
export function abandonAll(at: string): readonly Statement[] {
  return [
    statement(
      `update ingest.imports set state = 'failed', completed_at = $1::timestamptz
       where tenant_id = ops.tenant_id() and state in ('uploading', 'received', 'running')`,
      [at],
    ),
    statement('delete from ingest.import_chunks where tenant_id = ops.tenant_id()'),
  ]
}

/** Natural keys of a batch, as they stand. */
export type KnownKey = {
  readonly key: string
  readonly version: number
  readonly content: string
  readonly reported_at: string
  readonly delivery_id: string
  readonly earlier_contents: readonly string[]
  readonly earlier_delivery_ids: readonly string[]
}

export function selectKeys(keys: readonly string[]): Statement<KnownKey> {
  return statement(
    `select held.* from unnest($1::uuid[]) as wanted (key)
     cross join lateral (
       select key, version, content, reported_at, delivery_id, earlier_contents, earlier_delivery_ids
       from ingest.natural_keys where tenant_id = ops.tenant_id() and key = wanted.key limit 1) held`,
    [arrayOf(keys)],
  )
}

export type NewKey = {
  readonly key: string
  readonly content: string
  readonly reportedAt: string
  readonly deliveryId: string
}

export function insertKeys(rows: readonly NewKey[]): Statement {
  return statement(
    `insert into ingest.natural_keys (tenant_id, key, version, content, reported_at, delivery_id)
     select ops.tenant_id(), key, 1, content, reported_at, delivery_id
     from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[]) as given (key, content, reported_at, delivery_id)
     order by key`,
    [
      arrayOf(rows.map(({ key }) => key)),
      arrayOf(rows.map(({ content }) => content)),
      arrayOf(rows.map(({ reportedAt }) => reportedAt)),
      arrayOf(rows.map(({ deliveryId }) => deliveryId)),
    ],
  )
}
