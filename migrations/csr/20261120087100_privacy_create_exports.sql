-- migrate:up

-- Requests for a copy of what is held (Art. 15 and 20). Jobs look across tenants for what is due: ids, times and states
-- only. The link itself is never stored, only its fingerprint.
create table privacy.exports (
  tenant_id uuid not null,
  id uuid not null,
  link_fingerprint text not null,
  subject_id uuid not null,
  -- false where nobody is known by this id: the answer to the outside is the same
  known boolean not null,
  actor_id text not null,
  identity_checked_by text,
  requested_at timestamptz(3) not null,
  due_at timestamptz(3) not null,
  ready_at timestamptz(3),
  expires_at timestamptz(3),
  downloaded_at timestamptz(3),
  ended_at timestamptz(3),
  primary key (tenant_id, id)
);
create unique index exports_link on privacy.exports (tenant_id, link_fingerprint);
create index exports_collecting on privacy.exports (id) where ready_at is null;
create index exports_ending on privacy.exports (expires_at) where ended_at is null;

alter table privacy.exports enable row level security, force row level security;
create policy tenant on privacy.exports to csr_privacy
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on privacy.exports for select to csr_privacy_worker using (current_user = 'csr_privacy_worker');
grant select, insert, update (ready_at, expires_at, downloaded_at, ended_at) on privacy.exports to csr_privacy;
grant select on privacy.exports to csr_privacy_worker;

-- What each service contributed, part by part, sealed for the person; gone when the export ends.
create table privacy.export_parts (
  tenant_id uuid not null,
  export_id uuid not null,
  service text not null,
  part int not null check (part between 1 and parts),
  parts int not null,
  content_sealed text not null check (content_sealed ~ '^s1[.]'),
  primary key (tenant_id, export_id, service, part)
);

select ops.protect_tenant_table('privacy.export_parts');
grant select, insert, delete on privacy.export_parts to csr_privacy;

-- migrate:down

drop table privacy.export_parts;
drop table privacy.exports;
