import { arrayOf, statement, type Statement } from '@csr/postgres/statement'

/** A row of `keys.tenant_keys`. */
export type TenantKeyRow = { version: number; root_key_id: string; wrapped_key: Buffer }

/** A data key or tombstone as read; `wrapped_key` is null where there is no row. */
export type KeyRow = {
  key_id: string
  version: number | null
  tenant_key_version: number | null
  wrapped_key: Buffer | null
  restricted: boolean | null
  erased: boolean
}

/** A person found by blind index (hexadecimal), with the key. */
export type PersonRow = KeyRow & { blind_index: string }

export type KeyKind = 'subject' | 'record'

/** A key that is about to be made. */
export type NewKey = { readonly keyId: string; readonly wrapped: Buffer; readonly tenantKeyVersion: number }

/** An e-mail that may have to be placed: with the subject of its external id if that is known, else with the new key. */
export type EmailPlacement = { readonly email: string; readonly external: string | null; readonly key: NewKey }

/** An external id that may have to be placed: with its e-mail's subject, or where it has no e-mail with the new key. */
export type ExternalPlacement = {
  readonly external: string
  readonly email: string | null
  readonly key: NewKey | null
}

const hexOf = (keys: readonly (NewKey | null)[]): string =>
  arrayOf(keys.map((key) => key?.wrapped.toString('hex') ?? null))
const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

export function selectTenantKeys(): Statement<TenantKeyRow> {
  return statement<TenantKeyRow>(
    `select version, root_key_id, wrapped_key from keys.tenant_keys where tenant_id = keys.tenant_id() order by version`,
  )
}

export function insertTenantKey(key: {
  version: number
  rootKeyId: string
  wrapped: Buffer
  createdAt: string
}): Statement<never> {
  return statement(
    `insert into keys.tenant_keys (tenant_id, version, root_key_id, wrapped_key, created_at)
     values (keys.tenant_id(), $1, $2, $3, $4) on conflict do nothing`,
    [key.version, key.rootKeyId, key.wrapped, key.createdAt],
  )
}

/** One row per id that has a key or a tombstone; the tombstone wins, whatever a restored backup brings back. */
export function selectKeys(keyIds: readonly string[]): Statement<KeyRow> {
  return statement<KeyRow>(
    `select w.key_id, k.version, k.tenant_key_version, k.wrapped_key, k.restricted, t.key_id is not null as erased
     from unnest($1::uuid[]) as w(key_id)
     left join lateral (select * from keys.data_keys
       where tenant_id = keys.tenant_id() and key_id = w.key_id limit 1) k on true
     left join lateral (select key_id from keys.tombstones
       where tenant_id = keys.tenant_id() and key_id = w.key_id limit 1) t on true
     where k.key_id is not null or t.key_id is not null`,
    [arrayOf(keyIds)],
  )
}

export function insertRecordKeys(keys: readonly NewKey[], createdAt: string): Statement<never> {
  const sorted = keys.toSorted((one, other) => byText(one.keyId, other.keyId))
  return statement(
    `insert into keys.data_keys (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at)
     select keys.tenant_id(), w.key_id, 'record', 1, w.tenant_key_version, decode(w.wrapped, 'hex'), $4
     from unnest($1::uuid[], $2::int[], $3::text[]) as w(key_id, tenant_key_version, wrapped)
     where not exists (select from keys.tombstones t where t.tenant_id = keys.tenant_id() and t.key_id = w.key_id)
     order by w.key_id
     on conflict do nothing`,
    [
      arrayOf(sorted.map((key) => key.keyId)),
      arrayOf(sorted.map((key) => key.tenantKeyVersion)),
      hexOf(sorted),
      createdAt,
    ],
  )
}

/**
 * Places e-mails, then makes the keys of those that were new. Everybody locks e-mails before external ids and each kind
 * in the order of its blind indexes: concurrent callers wait for each other, never in a circle.
 */
export function placeEmails(people: readonly EmailPlacement[], createdAt: string): Statement<never> {
  const sorted = people.toSorted((one, other) => byText(one.email, other.email))
  return statement(
    `with wanted as (
       select decode(email, 'hex') as email, decode(external, 'hex') as external, key_id, tenant_key_version,
         decode(wrapped, 'hex') as wrapped
       from unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::text[])
         as w(email, external, key_id, tenant_key_version, wrapped)
     ), placed as (
       insert into keys.identifiers (tenant_id, blind_index, kind, subject_id, created_at)
       select keys.tenant_id(), w.email, 'email', coalesce(known.subject_id, w.key_id), $6
       from wanted w
       left join lateral (select subject_id from keys.identifiers
         where tenant_id = keys.tenant_id() and blind_index = w.external limit 1) known on true
       order by w.email
       on conflict do nothing
       returning subject_id
     )
     insert into keys.data_keys (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at)
     select keys.tenant_id(), w.key_id, 'subject', 1, w.tenant_key_version, w.wrapped, $6
     from wanted w where w.key_id in (select subject_id from placed)`,
    [
      arrayOf(sorted.map((person) => person.email)),
      arrayOf(sorted.map((person) => person.external)),
      arrayOf(sorted.map((person) => person.key.keyId)),
      arrayOf(sorted.map((person) => person.key.tenantKeyVersion)),
      hexOf(sorted.map((person) => person.key)),
      createdAt,
    ],
  )
}

/** Places external ids with the subjects of their e-mails; one that has no e-mail gets a key of its own if it is new. */
export function placeExternals(people: readonly ExternalPlacement[], createdAt: string): Statement<never> {
  const sorted = people.toSorted((one, other) => byText(one.external, other.external))
  return statement(
    `with wanted as (
       select decode(external, 'hex') as external, decode(email, 'hex') as email, key_id, tenant_key_version,
         decode(wrapped, 'hex') as wrapped
       from unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::text[])
         as w(external, email, key_id, tenant_key_version, wrapped)
     ), placed as (
       insert into keys.identifiers (tenant_id, blind_index, kind, subject_id, created_at)
       select keys.tenant_id(), w.external, 'external', coalesce(known.subject_id, w.key_id), $6
       from wanted w
       left join lateral (select subject_id from keys.identifiers
         where tenant_id = keys.tenant_id() and blind_index = w.email limit 1) known on true
       where coalesce(known.subject_id, w.key_id) is not null
       order by w.external
       on conflict do nothing
       returning subject_id
     )
     insert into keys.data_keys (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at)
     select keys.tenant_id(), w.key_id, 'subject', 1, w.tenant_key_version, w.wrapped, $6
     from wanted w where w.key_id in (select subject_id from placed)`,
    [
      arrayOf(sorted.map((person) => person.external)),
      arrayOf(sorted.map((person) => person.email)),
      arrayOf(sorted.map((person) => person.key?.keyId ?? null)),
      arrayOf(sorted.map((person) => person.key?.tenantKeyVersion ?? null)),
      hexOf(sorted.map((person) => person.key)),
      createdAt,
    ],
  )
}

// Plans of named statements stay, also those made while a table was small: a lateral look-up with a limit is never
// turned into a join that reads a whole tenant.

export function selectPeople(blindIndexes: readonly string[]): Statement<PersonRow> {
  return statement<PersonRow>(
    `select w.hex as blind_index, i.subject_id as key_id, k.version, k.tenant_key_version, k.wrapped_key, k.restricted,
       t.key_id is not null as erased
     from unnest($1::text[]) as w(hex)
     cross join lateral (select subject_id from keys.identifiers
       where tenant_id = keys.tenant_id() and blind_index = decode(w.hex, 'hex') limit 1) i
     cross join lateral (select version, tenant_key_version, wrapped_key, restricted from keys.data_keys
       where tenant_id = keys.tenant_id() and key_id = i.subject_id limit 1) k
     left join lateral (select key_id from keys.tombstones
       where tenant_id = keys.tenant_id() and key_id = i.subject_id limit 1) t on true`,
    [arrayOf(blindIndexes)],
  )
}

/** Destroys keys; their identifiers go with them, their tombstones stay. */
export function deleteKeys(kind: KeyKind, keyIds: readonly string[]): Statement<never> {
  return statement(
    `delete from keys.data_keys where tenant_id = keys.tenant_id() and kind = $1 and key_id = any($2::uuid[])`,
    [kind, arrayOf(keyIds)],
  )
}

/** Destroys up to so many keys of the tenant, subjects' and records' alike, and says how many. */
export function deleteTenantKeys(most: number): Statement<{ destroyed: number }> {
  return statement<{ destroyed: number }>(
    `with gone as (
       delete from keys.data_keys where tenant_id = keys.tenant_id() and key_id in (
         select key_id from keys.data_keys where tenant_id = keys.tenant_id() order by key_id limit $1)
       returning 1)
     select count(*)::int as destroyed from gone`,
    [most],
  )
}

export function updateRestricted(keyId: string, restricted: boolean): Statement<{ key_id: string }> {
  return statement<{ key_id: string }>(
    `update keys.data_keys set restricted = $2
     where tenant_id = keys.tenant_id() and key_id = $1 and kind = 'subject' returning key_id`,
    [keyId, restricted],
  )
}
