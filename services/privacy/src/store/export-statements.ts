import type { SealedText } from '@csr/contracts/events/envelope'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { Arrived } from '../domain/export-progress.ts'

export type ExportRow = {
  readonly id: string
  readonly subjectId: string
  readonly known: boolean
  readonly requestedAt: string
  readonly dueAt: string
  readonly readyAt: string | null
  readonly expiresAt: string | null
  readonly downloadedAt: string | null
}

const columns = `id, subject_id as "subjectId", known, requested_at as "requestedAt", due_at as "dueAt",
  ready_at as "readyAt", expires_at as "expiresAt", downloaded_at as "downloadedAt"`

export type NewExport = {
  readonly id: string
  readonly linkFingerprint: string
  readonly subjectId: string
  readonly known: boolean
  readonly actorId: string
  readonly identityCheckedBy: string | null
  readonly requestedAt: string
  readonly dueAt: string
}

export function insertExport(row: NewExport): Statement {
  return statement(
    `insert into privacy.exports (tenant_id, id, link_fingerprint, subject_id, known, actor_id, identity_checked_by,
       requested_at, due_at)
     values (ops.tenant_id(), $1::uuid, $2, $3::uuid, $4::boolean, $5, $6, $7::timestamptz, $8::timestamptz)`,
    [
      ...[row.id, row.linkFingerprint, row.subjectId, row.known, row.actorId, row.identityCheckedBy],
      ...[row.requestedAt, row.dueAt],
    ],
  )
}

/** The export behind a link, for the one who asked for it only. */
export function selectByLink(linkFingerprint: string, actorId: string): Statement<ExportRow> {
  return statement(`select ${columns} from privacy.exports where link_fingerprint = $1 and actor_id = $2`, [
    linkFingerprint,
    actorId,
  ])
}

export function selectById(id: string): Statement<ExportRow> {
  return statement(`select ${columns} from privacy.exports where id = $1::uuid`, [id])
}

export function selectArrived(linkFingerprint: string): Statement<Arrived> {
  return statement(
    `select service, count(*) as arrived, max(parts) as parts from privacy.export_parts
     where export_id = (select id from privacy.exports where link_fingerprint = $1) group by service`,
    [linkFingerprint],
  )
}

export function selectArrivedOf(exportId: string): Statement<Arrived> {
  return statement(
    `select service, count(*) as arrived, max(parts) as parts from privacy.export_parts where export_id = $1::uuid group by service`,
    [exportId],
  )
}

export type PartRow = { readonly service: string; readonly part: number; readonly sealed: SealedText }

export function selectParts(exportId: string): Statement<PartRow> {
  return statement(
    `select service, part, content_sealed as sealed from privacy.export_parts where export_id = $1::uuid order by service, part`,
    [exportId],
  )
}

export type NewPart = {
  readonly exportId: string
  readonly service: string
  readonly part: number
  readonly parts: number
  readonly sealed: SealedText
}

/** Parts of exports that are over, or that nobody asked for, are not kept. */
export function insertParts(rows: readonly NewPart[]): Statement {
  return statement(
    `insert into privacy.export_parts (tenant_id, export_id, service, part, parts, content_sealed)
     select ops.tenant_id(), given.export_id, given.service, given.part, given.parts, given.sealed
     from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[]) as given (export_id, service, part, parts, sealed)
     join privacy.exports on exports.id = given.export_id and exports.ready_at is null
     on conflict do nothing`,
    [
      arrayOf(rows.map(({ exportId }) => exportId)),
      arrayOf(rows.map(({ service }) => service)),
      arrayOf(rows.map(({ part }) => part)),
      arrayOf(rows.map(({ parts }) => parts)),
      arrayOf(rows.map(({ sealed }) => sealed as unknown as string)),
    ],
  )
}

/** CS001 where another process was first. */
export function markReady(id: string, readyAt: string, expiresAt: string): Statement {
  return once(
    `update privacy.exports set ready_at = $2::timestamptz, expires_at = $3::timestamptz
    where id = $1::uuid and ready_at is null`,
    [id, readyAt, expiresAt],
  )
}

/** CS001 where it was downloaded already: a link opens once. */
export function markDownloaded(id: string, at: string): Statement {
  return once(
    `update privacy.exports set downloaded_at = $2::timestamptz where id = $1::uuid and downloaded_at is null`,
    [id, at],
  )
}

export function endExport(id: string, at: string): readonly Statement[] {
  return [
    statement('delete from privacy.export_parts where export_id = $1::uuid', [id]),
    statement('update privacy.exports set ended_at = $2::timestamptz where id = $1::uuid', [id, at]),
  ]
}

function once(update: string, values: readonly unknown[]): Statement {
  return statement(
    `with changed as (${update} returning 1) select ops.expect((select count(*) from changed), 1)`,
    values,
  )
}

export type DueRow = { readonly tenantId: string; readonly id: string }

/** For the worker: which exports are still collected, and which are over. */
export const selectCollecting: Statement<DueRow> = statement(
  `select tenant_id as "tenantId", id from privacy.exports where ready_at is null order by id limit 100`,
)

export function selectOver(at: string): Statement<DueRow> {
  return statement(
    `select tenant_id as "tenantId", id from privacy.exports
     where ended_at is null and (expires_at <= $1::timestamptz or downloaded_at is not null) order by expires_at limit 100`,
    [at],
  )
}
