-- migrate:up

-- One row per file. A job looks across tenants for what is to be worked off: ids, times, states and counts only.
create table ingest.imports (
  tenant_id uuid not null,
  id uuid not null,
  schema text not null,
  state text not null check (state in ('uploading', 'received', 'running', 'completed', 'completed_with_errors', 'failed')),
  actor_id text not null,
  bytes bigint not null default 0,
  bytes_read bigint not null default 0,
  chunks int not null default 0,
  accepted bigint not null default 0,
  duplicate bigint not null default 0,
  quarantined bigint not null default 0,
  received_at timestamptz(3) not null,
  completed_at timestamptz(3),
  primary key (tenant_id, id)
);
create index imports_waiting on ingest.imports (id) where state in ('uploading', 'received', 'running');

alter table ingest.imports enable row level security, force row level security;
create policy tenant on ingest.imports to csr_ingest
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on ingest.imports for select to csr_ingest_worker using (current_user = 'csr_ingest_worker');
grant select, insert, update, delete on ingest.imports to csr_ingest;
grant select on ingest.imports to csr_ingest_worker;

-- The file, sealed in pieces under a key of the import's own; gone, key and all, when its rows are worked off.
create table ingest.import_chunks (
  tenant_id uuid not null,
  import_id uuid not null,
  chunk int not null check (chunk >= 0),
  content_sealed text[] not null,
  primary key (tenant_id, import_id, chunk)
);
alter table ingest.import_chunks alter content_sealed set storage external;

-- What became of each row. Accepted ones keep what they say about whom, sealed for each person; quarantined ones keep
-- the row as it came under a key of its own, with every reason.
create table ingest.import_rows (
  tenant_id uuid not null,
  import_id uuid not null,
  row int not null check (row > 0),
  status text not null check (status in ('accepted', 'duplicate', 'quarantined')),
  id uuid not null,
  subject_ids uuid[] not null,
  people_sealed text[] not null,
  row_sealed text check ((status = 'quarantined') or (row_sealed is null)),
  reasons jsonb,
  primary key (tenant_id, import_id, row)
);
alter table ingest.import_rows alter people_sealed set storage external, alter row_sealed set storage external;

select ops.protect_tenant_table('ingest.import_chunks');
select ops.protect_tenant_table('ingest.import_rows');
grant select, insert, delete on ingest.import_chunks to csr_ingest;
grant select, insert on ingest.import_rows to csr_ingest;

-- migrate:down

drop table ingest.import_rows;
drop table ingest.import_chunks;
drop table ingest.imports;
