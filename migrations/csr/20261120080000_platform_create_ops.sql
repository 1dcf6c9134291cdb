-- migrate:up

-- What all schemas rely on. Nothing here belongs to one service.
create schema ops;
comment on schema ops is 'Functions all schemas rely on: tenant context, version checks, row-level security';

grant usage on schema ops to
  csr_gateway, csr_profile, csr_ingest, csr_q2q, csr_safety, csr_privacy, csr_audit,
  csr_gateway_worker, csr_profile_worker, csr_ingest_worker, csr_q2q_worker, csr_safety_worker, csr_privacy_worker, csr_audit_worker;

-- The tenant of the running transaction; null without one. After a transaction-local setting ends it reads as ''.
create function ops.tenant_id() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- The version check of an optimistic write: raises CS001 unless both are equal. Returns true, so that it can stand in a select.
create function ops.expect(actual bigint, expected bigint) returns boolean
  language plpgsql volatile
as $$
begin
  if actual is distinct from expected then
    raise exception 'stale' using errcode = 'CS001';
  end if;
  return true;
end
$$;

-- Row-level security, also for the owner: rows are seen and written for the tenant of the transaction only.
create function ops.protect_tenant_table(protected_table regclass) returns void
  language plpgsql volatile
as $$
begin
  execute format('alter table %s enable row level security', protected_table);
  execute format('alter table %s force row level security', protected_table);
  execute format(
    'create policy of_tenant on %s using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id())',
    protected_table);
end
$$;

revoke execute on all functions in schema ops from public;
grant execute on function ops.tenant_id(), ops.expect(bigint, bigint) to
  csr_gateway, csr_profile, csr_ingest, csr_q2q, csr_safety, csr_privacy, csr_audit,
  csr_gateway_worker, csr_profile_worker, csr_ingest_worker, csr_q2q_worker, csr_safety_worker, csr_privacy_worker, csr_audit_worker;

-- migrate:down

drop schema ops cascade;
