-- migrate:up

-- Whoever runs a request under an Idempotency-Key writes in the transaction of its effect, and only while the lease is his.
create function ops.expect_lease(held boolean) returns boolean
  language plpgsql volatile
as $$
begin
  if held is not true then
    raise exception 'lease lost' using errcode = 'CS003';
  end if;
  return true;
end
$$;
revoke execute on function ops.expect_lease(boolean) from public;

-- One table in the schema of each service: keys and bodies as HMACs, answers sealed. The request role sees its own tenant's;
-- the worker, let in by name, forgets across tenants what is older than a day and reads nothing but times.
do $$
declare
  schema_name name;
begin
  foreach schema_name in array array['gateway', 'profile', 'ingest', 'q2q', 'safety', 'privacy', 'audit']::name[] loop
    execute format($ddl$
      create table %1$I.idempotency_keys (
        tenant_id uuid not null,
        -- of principal, method, route and key
        key_fingerprint text not null,
        -- null while the body of a long upload is not whole
        body_fingerprint text,
        lease_id uuid not null,
        leased_until timestamptz(3) not null,
        -- null while the request runs
        answer_sealed text,
        created_at timestamptz(3) not null,
        primary key (tenant_id, key_fingerprint)
      );
      create index idempotency_keys_created_at on %1$I.idempotency_keys (created_at);
      alter table %1$I.idempotency_keys enable row level security, force row level security;
      create policy tenant on %1$I.idempotency_keys to %2$I
        using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
      create policy worker on %1$I.idempotency_keys to %3$I using (current_user = %3$L);
      grant select, insert, update, delete on %1$I.idempotency_keys to %2$I;
      grant select (created_at), delete on %1$I.idempotency_keys to %3$I;
      grant execute on function ops.expect_lease(boolean) to %2$I;
    $ddl$, schema_name, format('csr_%s', schema_name), format('csr_%s_worker', schema_name));
  end loop;
end
$$;

-- migrate:down

do $$
declare
  schema_name name;
begin
  foreach schema_name in array array['gateway', 'profile', 'ingest', 'q2q', 'safety', 'privacy', 'audit']::name[] loop
    execute format('drop table if exists %I.idempotency_keys', schema_name);
  end loop;
end
$$;
drop function ops.expect_lease(boolean);
