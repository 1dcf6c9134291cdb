-- migrate:up

create schema ingest;
grant usage on schema ingest to csr_ingest, csr_ingest_worker;

-- An endpoint is one partner of one tenant. It is looked up by its public id before a tenant is known, so it is read
-- across tenants by the worker role, and everything beyond ids and times is sealed under a key of the endpoint's own.
create table ingest.endpoints (
  tenant_id uuid not null,
  id uuid not null,
  partner text not null check (partner in ('kintell', 'buddy', 'upskilling')),
  -- several while a secret is rotated
  secrets_sealed text[] not null check (cardinality(secrets_sealed) between 1 and 5),
  programme_sealed text,
  created_at timestamptz(3) not null,
  primary key (id)
);
create index endpoints_newest_first on ingest.endpoints (tenant_id, id desc);

alter table ingest.endpoints enable row level security, force row level security;
create policy tenant on ingest.endpoints to csr_ingest
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on ingest.endpoints for select to csr_ingest_worker
  using (current_user = 'csr_ingest_worker');
grant select, insert on ingest.endpoints to csr_ingest;
grant select on ingest.endpoints to csr_ingest_worker;

-- One row per signed webhook id, kept for five years: a webhook counts once. Ids and fingerprints (HMACs) only. It has
-- one index and no other: among several that begin with the tenant a plan made early may settle on the wrong one.
create table ingest.webhook_ids (
  tenant_id uuid not null,
  endpoint_id uuid not null,
  -- fingerprint of the webhook-id
  signed_id uuid not null,
  -- fingerprint of the raw bytes
  body_fingerprint text not null,
  -- the delivery that was answered with: its own, or for a duplicate the first that brought the same content
  delivery_id uuid not null,
  primary key (tenant_id, endpoint_id, signed_id)
);

-- What came with a webhook id. Raw bodies are kept of quarantined deliveries only, under a key of the delivery's own.
create table ingest.deliveries (
  tenant_id uuid not null,
  id uuid not null,
  endpoint_id uuid not null,
  partner text not null,
  outcome text not null check (outcome in ('accepted', 'duplicate', 'quarantined')),
  -- the first delivery that brought the same content
  duplicate_of uuid check ((outcome = 'duplicate') = (duplicate_of is not null)),
  kind text,
  reported_at timestamptz(3),
  received_at timestamptz(3) not null,
  event_id uuid,
  -- whom the sealed parts are about, in the same order; for a quarantined body whose identifiers stand in it
  subject_ids uuid[] not null,
  people_sealed text[] not null,
  body_sealed text check ((outcome = 'quarantined') or (body_sealed is null)),
  -- pointers and what is wrong there, never a value
  reasons jsonb,
  primary key (tenant_id, id)
);
-- Ciphertext does not compress.
alter table ingest.deliveries alter people_sealed set storage external, alter body_sealed set storage external;

-- What a partner has reported, by natural key: a thing counts once however many deliveries and files bring it. Holds
-- the content that stands and the last few that do not, as fingerprints; version guards a correction.
create table ingest.natural_keys (
  tenant_id uuid not null,
  -- fingerprint of partner, kind and source id
  key uuid not null,
  version bigint not null check (version > 0),
  content uuid not null,
  reported_at timestamptz(3) not null,
  delivery_id uuid not null,
  earlier_contents uuid[] not null default '{}',
  earlier_delivery_ids uuid[] not null default '{}'
    check (cardinality(earlier_contents) = cardinality(earlier_delivery_ids)),
  primary key (tenant_id, key)
);

select ops.protect_tenant_table('ingest.webhook_ids');
select ops.protect_tenant_table('ingest.deliveries');
select ops.protect_tenant_table('ingest.natural_keys');
grant select, insert on ingest.webhook_ids, ingest.deliveries to csr_ingest;
grant select, insert, update on ingest.natural_keys to csr_ingest;

select ops.create_messaging('ingest');

-- migrate:down

drop schema ingest cascade;
