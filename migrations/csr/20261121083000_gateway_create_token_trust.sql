-- migrate:up

-- What every verifier of access tokens must know: which keys sign them and what was revoked. Read across tenants by the worker
-- role of every service, which is the reason for the grants on a schema that is not theirs; they see public halves, ids
-- and times only. The private half is sealed under a record key of the platform tenant and is the gateway's alone.

create table gateway.signing_keys (
  tenant_id uuid not null check (tenant_id = '00000000-0000-7000-8000-000000000000'),
  kid text not null check (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
  -- of the record key under which the private half is sealed
  key_id uuid not null,
  public_jwk jsonb not null,
  -- null once another key has taken over
  private_sealed text check (private_sealed ~ '^s1[.]'),
  published_at timestamptz(3) not null,
  -- null while it is next
  active_from timestamptz(3),
  -- from then on what it signed is refused; null while no other key has taken over
  retires_at timestamptz(3),
  primary key (kid)
);

-- One row per revocation of a session, an account or a machine client, kept as long as a token it concerns could live.
create table gateway.token_revocations (
  tenant_id uuid not null,
  kind text not null check (kind in ('session', 'actor')),
  revoked_id text not null,
  -- tokens issued up to this moment are refused
  revoked_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (kind, revoked_id)
);

alter table gateway.signing_keys enable row level security, force row level security;
alter table gateway.token_revocations enable row level security, force row level security;

create policy tenant on gateway.signing_keys to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy tenant on gateway.token_revocations to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy housekeeping on gateway.token_revocations for delete to csr_gateway_worker
  using (current_user = 'csr_gateway_worker');
grant select, insert on gateway.signing_keys to csr_gateway;
grant update (active_from, retires_at, private_sealed) on gateway.signing_keys to csr_gateway;
grant select, insert, update (revoked_at, expires_at) on gateway.token_revocations to csr_gateway;
grant delete on gateway.token_revocations to csr_gateway_worker;

do $$
declare
  worker name;
begin
  foreach worker in array array['csr_gateway_worker', 'csr_profile_worker', 'csr_ingest_worker', 'csr_q2q_worker',
    'csr_safety_worker', 'csr_privacy_worker', 'csr_audit_worker']::name[] loop
    execute format('grant usage on schema gateway to %I', worker);
    execute format('grant select (kid, public_jwk, published_at, active_from, retires_at) on gateway.signing_keys to %I', worker);
    execute format('grant select on gateway.token_revocations to %I', worker);
    execute format('create policy %1$I on gateway.signing_keys for select to %1$I using (current_user = %1$L)', worker);
    execute format('create policy %1$I on gateway.token_revocations for select to %1$I using (current_user = %1$L)', worker);
  end loop;
end
$$;

-- migrate:down

drop table gateway.token_revocations;
drop table gateway.signing_keys;
do $$
declare
  worker name;
begin
  foreach worker in array array['csr_profile_worker', 'csr_ingest_worker', 'csr_q2q_worker', 'csr_safety_worker',
    'csr_privacy_worker', 'csr_audit_worker']::name[] loop
    execute format('revoke usage on schema gateway from %I', worker);
  end loop;
end
$$;
