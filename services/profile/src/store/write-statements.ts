import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { ActivityRow, ProfileRow } from './queries.ts'

// Each write carries a whole batch in one statement and raises CS001 (`ops.expect`) where another replica was faster.
// Rows go in by ascending key, so that two batches lock in the same order and cannot deadlock.

/** `row.version` is the version after the write; a profile that exists is changed only from the version before. */
export function writeProfiles(profiles: readonly ProfileRow[]): Statement {
  const sorted = profiles.toSorted((one, other) => (one.subject_id < other.subject_id ? -1 : 1))
  const column = (name: Exclude<keyof ProfileRow, 'programme_activities'>) => columnOf(sorted, (row) => row[name])
  return statement(upsertProfiles, [
    column('subject_id'),
    column('version'),
    column('name_sealed'),
    column('name_reported_at'),
    column('name_reported_by'),
    column('email_sealed'),
    column('email_reported_at'),
    column('email_reported_by'),
    column('phone_sealed'),
    column('phone_reported_at'),
    column('phone_reported_by'),
    columnOf(sorted, (row) => JSON.stringify(row.programme_activities)),
    column('created_at'),
    column('changed_at'),
    sorted.length,
    sorted.filter(({ version }) => version === 1).length,
  ])
}

const upsertProfiles = `
with written as (
  insert into profile.profiles as held (
    tenant_id, subject_id, version, name_sealed, name_reported_at, name_reported_by, email_sealed, email_reported_at,
    email_reported_by, phone_sealed, phone_reported_at, phone_reported_by, programme_activities, created_at, changed_at)
  select ops.tenant_id(), told.* from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::text[], $7::timestamptz[], $8::uuid[],
    $9::text[], $10::timestamptz[], $11::uuid[], $12::jsonb[], $13::timestamptz[], $14::timestamptz[]) as told
  on conflict (tenant_id, subject_id) do update set
    version = excluded.version,
    name_sealed = excluded.name_sealed,
    name_reported_at = excluded.name_reported_at,
    name_reported_by = excluded.name_reported_by,
    email_sealed = excluded.email_sealed,
    email_reported_at = excluded.email_reported_at,
    email_reported_by = excluded.email_reported_by,
    phone_sealed = excluded.phone_sealed,
    phone_reported_at = excluded.phone_reported_at,
    phone_reported_by = excluded.phone_reported_by,
    programme_activities = excluded.programme_activities,
    changed_at = excluded.changed_at
  where held.version = excluded.version - 1
  returning held.version = 1 as is_new)
select ops.expect(count(*), $15::bigint), ops.expect(count(*) filter (where is_new), $16::bigint) from written`

/** `heldBy`: the event whose report stood when the activity was read; null for a new one. */
export type ActivityChange = { readonly row: ActivityRow; readonly heldBy: string | null }

/** An activity that exists is replaced only while the report that was read still stands. */
export function writeActivities(changes: readonly ActivityChange[], recordedAt: string): Statement {
  const sorted = changes.toSorted((one, other) => (one.row.id < other.row.id ? -1 : 1))
  const held = sorted.filter(({ heldBy }) => heldBy !== null)
  const column = (name: Exclude<keyof ActivityRow, 'details'>) => columnOf(sorted, ({ row }) => row[name])
  return statement(upsertActivities, [
    column('id'),
    column('subject_id'),
    column('kind'),
    column('partner'),
    column('source_id'),
    column('role'),
    column('occurred_at'),
    column('programme_id'),
    columnOf(sorted, ({ row }) => JSON.stringify(row.details)),
    column('reported_at'),
    column('reported_by'),
    recordedAt,
    columnOf(held, ({ row }) => row.id),
    columnOf(held, ({ heldBy }) => heldBy),
    sorted.length,
  ])
}

const upsertActivities = `
with written as (
  insert into profile.activities as held (
    tenant_id, id, subject_id, kind, partner, source_id, role, occurred_at, programme_id, details, reported_at,
    reported_by, recorded_at)
  select ops.tenant_id(), told.*, $12::timestamptz from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::uuid[], $9::jsonb[],
    $10::timestamptz[], $11::uuid[]) as told
  on conflict (tenant_id, id) do update set
    subject_id = excluded.subject_id,
    occurred_at = excluded.occurred_at,
    programme_id = excluded.programme_id,
    details = excluded.details,
    reported_at = excluded.reported_at,
    reported_by = excluded.reported_by,
    recorded_at = excluded.recorded_at
  where held.reported_by = ($14::uuid[])[array_position($13::uuid[], held.id)]
  returning 1)
select ops.expect(count(*), $15::bigint) from written`

/** Reports that do not stand. The same one may come again, from another order of the same events. */
export function writeRevisions(revisions: readonly ActivityRow[]): Statement {
  const column = (name: Exclude<keyof ActivityRow, 'details'>) => columnOf(revisions, (row) => row[name])
  return statement(insertRevisions, [
    column('id'),
    column('reported_by'),
    column('reported_at'),
    column('subject_id'),
    column('occurred_at'),
    column('programme_id'),
    columnOf(revisions, (row) => JSON.stringify(row.details)),
  ])
}

const insertRevisions = `
insert into profile.activity_revisions (
  tenant_id, activity_id, reported_by, reported_at, subject_id, occurred_at, programme_id, details)
select ops.tenant_id(), told.* from unnest(
  $1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::timestamptz[], $6::uuid[], $7::jsonb[]) as told
on conflict do nothing`

/** A programme exists from the first report that names it. */
export function writeProgrammes(programmes: ReadonlyMap<string, string>, createdAt: string): Statement {
  const sorted = [...programmes].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return statement(insertProgrammes, [columnOf(sorted, ([id]) => id), columnOf(sorted, ([, name]) => name), createdAt])
}

const insertProgrammes = `
insert into profile.programmes (tenant_id, id, name, created_at)
select ops.tenant_id(), told.*, $3::timestamptz from unnest($1::uuid[], $2::text[]) as told
on conflict do nothing`

function columnOf<Row>(rows: readonly Row[], valueOf: (row: Row) => unknown): string {
  return arrayOf(rows.map((row) => valueOf(row) as string | number | null))
}
