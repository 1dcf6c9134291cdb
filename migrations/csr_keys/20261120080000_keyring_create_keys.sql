-- migrate:up

-- Wrapped keys, identifiers and tombstones. Every row belongs to a tenant; what a role may do is in its grants and policies.
create schema keys;
revoke all on schema keys from public;
grant usage on schema keys to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;

create function keys.tenant_id() returns uuid
  language sql stable parallel safe
  return nullif(pg_catalog.current_setting('app.tenant_id', true), '')::uuid;
revoke all on function keys.tenant_id() from public;
grant execute on function keys.tenant_id() to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;

-- Wrapped by the root key. The highest version wraps new data keys, all versions unwrap.
create table keys.tenant_keys (
  tenant_id uuid not null,
  version integer not null check (version > 0),
  root_key_id text not null,
  wrapped_key bytea not null check (octet_length(wrapped_key) >= 60),
  created_at timestamptz not null,
  primary key (tenant_id, version)
);

-- Wrapped by a tenant key. A subject's key seals what is about that person; a record's key seals what has no person.
-- The row of a destroyed key is gone and its tombstone stands.
create table keys.data_keys (
  tenant_id uuid not null,
  key_id uuid not null,
  kind text not null check (kind in ('subject', 'record')),
  version integer not null check (version > 0),
  tenant_key_version integer not null check (tenant_key_version > 0),
  wrapped_key bytea not null check (octet_length(wrapped_key) >= 60),
  restricted boolean not null default false,
  created_at timestamptz not null,
  primary key (tenant_id, key_id)
);

-- Blind indexes: HMACs under a key that is in no database. They go with the subject's key.
create table keys.identifiers (
  tenant_id uuid not null,
  blind_index bytea not null check (octet_length(blind_index) = 32),
  kind text not null check (kind in ('email', 'external')),
  subject_id uuid not null,
  created_at timestamptz not null,
  primary key (tenant_id, blind_index),
  foreign key (tenant_id, subject_id) references keys.data_keys (tenant_id, key_id) on delete cascade
);
create index identifiers_by_subject on keys.identifiers (tenant_id, subject_id);

-- What was destroyed, for ever. Written by the trigger below and by nothing else.
create table keys.tombstones (
  tenant_id uuid not null,
  key_id uuid not null,
  kind text not null check (kind in ('subject', 'record')),
  destroyed_at timestamptz not null default now(),
  primary key (tenant_id, key_id)
);

-- A key cannot be destroyed without leaving its tombstone.
create function keys.leave_tombstones() returns trigger
  language plpgsql security definer set search_path = ''
as $$
begin
  insert into keys.tombstones (tenant_id, key_id, kind)
  select tenant_id, key_id, kind from destroyed
  on conflict do nothing;
  return null;
end
$$;
revoke all on function keys.leave_tombstones() from public;
create trigger leave_tombstones after delete on keys.data_keys
  referencing old table as destroyed
  for each statement execute function keys.leave_tombstones();

-- A tombstone cannot be revived. It looks after the insert, so that a destruction the insert waited for is seen.
create function keys.refuse_revival() returns trigger
  language plpgsql security definer set search_path = ''
as $$
begin
  if exists (
    select from keys.tombstones t join created c on c.tenant_id = t.tenant_id and c.key_id = t.key_id
  ) then
    raise exception 'a destroyed key cannot be made again' using errcode = 'CS002';
  end if;
  return null;
end
$$;
revoke all on function keys.refuse_revival() from public;
create trigger refuse_revival after insert on keys.data_keys
  referencing new table as created
  for each statement execute function keys.refuse_revival();

alter table keys.tenant_keys enable row level security;
alter table keys.tenant_keys force row level security;
alter table keys.data_keys enable row level security;
alter table keys.data_keys force row level security;
alter table keys.identifiers enable row level security;
alter table keys.identifiers force row level security;
alter table keys.tombstones enable row level security;
alter table keys.tombstones force row level security;

create policy tenant_reads on keys.tenant_keys for select using (tenant_id = keys.tenant_id());
create policy gateway_creates on keys.tenant_keys for insert to csr_gateway with check (tenant_id = keys.tenant_id());
grant select on keys.tenant_keys to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;
grant insert on keys.tenant_keys to csr_gateway;

create policy tenant_reads on keys.data_keys for select using (tenant_id = keys.tenant_id());
create policy ingest_creates on keys.data_keys for insert to csr_ingest with check (tenant_id = keys.tenant_id());
create policy services_create_records on keys.data_keys for insert to csr_gateway, csr_profile, csr_q2q, csr_safety, csr_privacy
  with check (tenant_id = keys.tenant_id() and kind = 'record');
create policy ingest_destroys_records on keys.data_keys for delete to csr_ingest
  using (tenant_id = keys.tenant_id() and kind = 'record');
create policy privacy_destroys on keys.data_keys for delete to csr_privacy using (tenant_id = keys.tenant_id());
create policy privacy_restricts on keys.data_keys for update to csr_privacy
  using (tenant_id = keys.tenant_id() and kind = 'subject')
  with check (tenant_id = keys.tenant_id() and kind = 'subject');
grant select on keys.data_keys to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;
grant insert (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at) on keys.data_keys
  to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;
grant delete on keys.data_keys to csr_ingest, csr_privacy;
grant update (restricted) on keys.data_keys to csr_privacy;

create policy tenant_reads on keys.identifiers for select using (tenant_id = keys.tenant_id());
create policy ingest_creates on keys.identifiers for insert to csr_ingest with check (tenant_id = keys.tenant_id());
grant select on keys.identifiers to csr_ingest, csr_profile, csr_privacy;
grant insert on keys.identifiers to csr_ingest;

create policy tenant_reads on keys.tombstones for select using (tenant_id = keys.tenant_id());
-- For the trigger, which runs as the owner; no service role has the grant.
create policy trigger_writes on keys.tombstones for insert with check (tenant_id = keys.tenant_id());
grant select on keys.tombstones to csr_gateway, csr_ingest, csr_profile, csr_q2q, csr_safety, csr_privacy;

-- migrate:down

drop table keys.identifiers, keys.data_keys, keys.tombstones, keys.tenant_keys;
drop function keys.leave_tombstones(), keys.refuse_revival(), keys.tenant_id();
drop schema keys;
