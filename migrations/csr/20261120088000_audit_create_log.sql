-- migrate:up

create schema audit;
grant usage on schema audit to csr_audit, csr_audit_worker;

-- One log per tenant: how many records it has, and the right edge of its tree (RFC 6962): edge[l + 1] is the root of the
-- perfect subtree of 2^l leaves that ends the log, null where the size has no such bit.
create table audit.logs (
  tenant_id uuid primary key,
  size bigint not null check (size >= 0),
  edge bytea[] not null
);

-- The records themselves: canonical JSON (RFC 8785) of ids, times and names only.
create table audit.records (
  tenant_id uuid not null,
  sequence bigint not null check (sequence > 0),
  id uuid not null,
  leaf text not null,
  primary key (tenant_id, sequence),
  unique (tenant_id, id)
);

-- Roots of all perfect subtrees, leaves (level 0) included: what proofs are made of.
create table audit.nodes (
  tenant_id uuid not null,
  level smallint not null check (level >= 0),
  index bigint not null check (index >= 0),
  hash bytea not null check (length(hash) = 32),
  primary key (tenant_id, level, index)
);

select ops.protect_tenant_table('audit.logs');
select ops.protect_tenant_table('audit.records');
select ops.protect_tenant_table('audit.nodes');

-- Records and nodes are never changed: the service may only add, and a trigger refuses everybody else too.
grant select, insert, update (size, edge) on audit.logs to csr_audit;
grant select, insert on audit.records, audit.nodes to csr_audit;

create function audit.refuse_change() returns trigger
  language plpgsql set search_path = pg_catalog
  as $$ begin raise exception 'the audit log is append-only' using errcode = '42501'; end $$;

create trigger append_only before update or delete or truncate on audit.records
  for each statement execute function audit.refuse_change();
create trigger append_only before update or delete or truncate on audit.nodes
  for each statement execute function audit.refuse_change();

-- Appends records in the order given: locks the log's row, assigns sequences, hashes leaves and completed subtrees, and
-- writes the right edge. Any number of replicas may call it; the lock lasts one group. A record that is there already is
-- a duplicate and breaks the group.
create function audit.append(ids uuid[], leaves text[]) returns bigint
  language plpgsql set search_path = pg_catalog
  as $$
  declare
    tenant constant uuid := ops.tenant_id();
    count constant int := cardinality(ids);
    log_size bigint;
    log_edge bytea[];
    node_levels smallint[] := '{}';
    node_indexes bigint[] := '{}';
    node_hashes bytea[] := '{}';
    hash bytea;
    level int;
    rest bigint;
  begin
    insert into audit.logs (tenant_id, size, edge) values (tenant, 0, '{}') on conflict do nothing;
    select size, edge into strict log_size, log_edge from audit.logs where tenant_id = tenant for update;
    insert into audit.records (tenant_id, sequence, id, leaf)
      select tenant, log_size + position, id, leaf
      from unnest(ids, leaves) with ordinality as given (id, leaf, position);
    for position in 1 .. count loop
      hash := sha256('\x00'::bytea || convert_to(leaves[position], 'UTF8'));
      level := 0;
      rest := log_size;
      node_levels := node_levels || 0::smallint;
      node_indexes := node_indexes || log_size;
      node_hashes := node_hashes || hash;
      while rest % 2 = 1 loop
        hash := sha256('\x01'::bytea || log_edge[level + 1] || hash);
        log_edge[level + 1] := null;
        level := level + 1;
        rest := rest / 2;
        node_levels := node_levels || level::smallint;
        node_indexes := node_indexes || rest;
        node_hashes := node_hashes || hash;
      end loop;
      log_edge[level + 1] := hash;
      log_size := log_size + 1;
    end loop;
    insert into audit.nodes (tenant_id, level, index, hash)
      select tenant, given.level, given.index, given.hash
      from unnest(node_levels, node_indexes, node_hashes) as given (level, index, hash);
    update audit.logs set size = log_size, edge = log_edge where tenant_id = tenant;
    return log_size;
  end
  $$;

revoke execute on function audit.append(uuid[], text[]), audit.refuse_change() from public;
grant execute on function audit.append(uuid[], text[]) to csr_audit;

-- Messages that services gave up on. Read across tenants by operators, as metadata; the payload stays sealed as it was.
create table audit.dead_letters (
  tenant_id uuid not null,
  id uuid not null,
  service text not null,
  consumer text not null,
  topic text not null,
  stream text not null,
  epoch text not null,
  sequence bigint not null,
  event_id text,
  reason text not null,
  code text not null,
  attempts int not null,
  fingerprint text not null,
  traceparent text,
  first_at timestamptz(3) not null,
  last_at timestamptz(3) not null,
  payload text not null,
  primary key (id)
);
create index dead_letters_fingerprint on audit.dead_letters (fingerprint);

alter table audit.dead_letters enable row level security, force row level security;
create policy tenant on audit.dead_letters to csr_audit
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on audit.dead_letters for select to csr_audit_worker using (current_user = 'csr_audit_worker');
grant select, insert on audit.dead_letters to csr_audit;
grant select on audit.dead_letters to csr_audit_worker;

select ops.create_messaging('audit');

-- migrate:down

drop schema audit cascade;
