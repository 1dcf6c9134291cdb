-- migrate:up

-- Refresh tokens of application sessions, each good once: found by their HMAC before the tenant is known, so the worker role
-- reads them across tenants. What was used stays as long as its session, so that using it again is noticed.
create table gateway.refresh_tokens (
  tenant_id uuid not null,
  token text not null check (length(token) = 43),
  session_id uuid not null references gateway.sessions on delete cascade,
  issued_at timestamptz(3) not null,
  used_at timestamptz(3),
  primary key (token)
);
create index refresh_tokens_of_session on gateway.refresh_tokens (session_id);
alter table gateway.refresh_tokens enable row level security, force row level security;
create policy tenant on gateway.refresh_tokens to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.refresh_tokens for select to csr_gateway_worker using (current_user = 'csr_gateway_worker');
grant select, insert, update (used_at) on gateway.refresh_tokens to csr_gateway;
grant select on gateway.refresh_tokens to csr_gateway_worker;

-- Machines of a tenant, found by their id before the tenant is known. A machine proves itself by a secret (kept as an HMAC)
-- or by signing with a key whose public half is here; its name is sealed under a record key of its own.
create table gateway.machine_clients (
  tenant_id uuid not null,
  client_id uuid not null,
  name_sealed text not null check (name_sealed ~ '^s1[.]'),
  role text not null check (role in ('programme_manager', 'auditor')),
  secret text check (length(secret) = 43),
  public_keys jsonb,
  created_at timestamptz(3) not null,
  primary key (client_id),
  check ((secret is null) <> (public_keys is null))
);
create index machine_clients_of_tenant on gateway.machine_clients (tenant_id, client_id);
alter table gateway.machine_clients enable row level security, force row level security;
create policy tenant on gateway.machine_clients to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.machine_clients for select to csr_gateway_worker
  using (current_user = 'csr_gateway_worker');
grant select, insert, delete on gateway.machine_clients to csr_gateway;
grant select (tenant_id, client_id, role, secret, public_keys) on gateway.machine_clients to csr_gateway_worker;

-- Ids of client assertions that were used, until they would have expired: each is good once, at whichever gateway.
create table gateway.client_assertions (
  tenant_id uuid not null,
  client_id uuid not null,
  assertion text not null check (length(assertion) = 43),
  expires_at timestamptz(3) not null,
  primary key (client_id, assertion)
);
create index client_assertions_expire on gateway.client_assertions (expires_at);
alter table gateway.client_assertions enable row level security, force row level security;
create policy tenant on gateway.client_assertions to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.client_assertions to csr_gateway_worker
  using (current_user = 'csr_gateway_worker') with check (current_user = 'csr_gateway_worker');
grant select, insert on gateway.client_assertions to csr_gateway;
grant select, delete on gateway.client_assertions to csr_gateway_worker;

-- migrate:down

drop table gateway.client_assertions;
drop table gateway.machine_clients;
drop table gateway.refresh_tokens;
