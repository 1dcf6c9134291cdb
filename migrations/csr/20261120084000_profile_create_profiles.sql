-- migrate:up

create schema profile;
grant usage on schema profile to csr_profile, csr_profile_worker;

-- One row per subject. Personal fields are sealed under the subject's key; each keeps when it was said and by which
-- event, so that a late report cannot overwrite a later one. version guards every write against another replica.
create table profile.profiles (
  tenant_id uuid not null,
  subject_id uuid not null,
  version bigint not null check (version > 0),
  name_sealed text check (name_sealed ~ '^s1[.]'),
  name_reported_at timestamptz(3),
  name_reported_by uuid,
  email_sealed text check (email_sealed ~ '^s1[.]'),
  email_reported_at timestamptz(3),
  email_reported_by uuid,
  phone_sealed text check (phone_sealed ~ '^s1[.]'),
  phone_reported_at timestamptz(3),
  phone_reported_by uuid,
  -- programme id -> how many of the person's activities name it
  programme_activities jsonb not null,
  created_at timestamptz(3) not null,
  changed_at timestamptz(3) not null,
  primary key (tenant_id, subject_id)
) with (fillfactor = 80);

-- For lists only, which repeat the condition. While a table is small, the planner takes any index that begins with the
-- tenant for a look-up by id, and plans of named statements stay.
create index profiles_newest_first on profile.profiles (tenant_id, created_at desc, subject_id desc)
  where created_at > '-infinity';

-- A programme exists from the first report that names it; its id is derived from its name.
create table profile.programmes (
  tenant_id uuid not null,
  id uuid not null,
  name text not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, id)
);

create table profile.activities (
  tenant_id uuid not null,
  id uuid not null,
  subject_id uuid not null,
  kind text not null,
  partner text not null,
  source_id text not null,
  role text not null,
  occurred_at timestamptz(3) not null,
  programme_id uuid,
  details jsonb not null,
  reported_at timestamptz(3) not null,
  reported_by uuid not null,
  recorded_at timestamptz(3) not null,
  primary key (tenant_id, id)
);

create index activities_newest_first on profile.activities (tenant_id, subject_id, occurred_at desc, id desc)
  where occurred_at > '-infinity';

-- The reports that do not stand: replaced by a later one, or arrived after it.
create table profile.activity_revisions (
  tenant_id uuid not null,
  activity_id uuid not null,
  reported_by uuid not null,
  reported_at timestamptz(3) not null,
  subject_id uuid not null,
  occurred_at timestamptz(3) not null,
  programme_id uuid,
  details jsonb not null,
  primary key (tenant_id, activity_id, reported_by)
);

select ops.protect_tenant_table('profile.profiles');
select ops.protect_tenant_table('profile.programmes');
select ops.protect_tenant_table('profile.activities');
select ops.protect_tenant_table('profile.activity_revisions');

grant select, insert, update on profile.profiles, profile.activities to csr_profile;
grant select, insert on profile.programmes, profile.activity_revisions to csr_profile;

select ops.create_messaging('profile');

-- migrate:down

drop schema profile cascade;
