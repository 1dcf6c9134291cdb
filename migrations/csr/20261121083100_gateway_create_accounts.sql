-- migrate:up

-- Accounts belong to the platform tenant: who signs in comes before whose employee that is. (issuer, subject) names an
-- account, kept as an HMAC; name and e-mail are sealed under a record key of its own and link nothing to nothing.
create table gateway.accounts (
  tenant_id uuid not null check (tenant_id = '00000000-0000-7000-8000-000000000000'),
  account_id uuid not null,
  identity text not null check (length(identity) = 43),
  provider text not null,
  person_sealed text check (person_sealed ~ '^s1[.]'),
  -- where to look for memberships; a tenant named here without one is harmless
  tenant_ids uuid[] not null default '{}',
  created_at timestamptz(3) not null,
  signed_in_at timestamptz(3),
  primary key (account_id),
  unique (tenant_id, identity)
);

alter table gateway.accounts enable row level security, force row level security;
create policy tenant on gateway.accounts to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
grant select, insert, update (person_sealed, tenant_ids, signed_in_at) on gateway.accounts to csr_gateway;

-- What an account may do in a tenant. A participant is bound to a person of the tenant.
create table gateway.memberships (
  tenant_id uuid not null,
  account_id uuid not null,
  roles text[] not null check (cardinality(roles) > 0 and roles <@ array['platform_admin', 'company_admin', 'programme_manager', 'auditor', 'participant']),
  subject_id uuid check (subject_id is not null or not roles @> array['participant']),
  joined_by text not null check (joined_by in ('operator', 'domain', 'invitation')),
  joined_at timestamptz(3) not null,
  primary key (tenant_id, account_id)
);
select ops.protect_tenant_table('gateway.memberships');
grant select, insert, delete, update (roles, subject_id) on gateway.memberships to csr_gateway;

-- How people come into a tenant by themselves, and what it asks of their sign-in.
create table gateway.sign_in_rules (
  tenant_id uuid not null,
  -- of who joins by domain
  role text not null check (role in ('company_admin', 'programme_manager', 'auditor')),
  second_factor boolean not null,
  primary key (tenant_id)
);
select ops.protect_tenant_table('gateway.sign_in_rules');
grant select, insert, update (role, second_factor) on gateway.sign_in_rules to csr_gateway;

-- Verified domains: a directory (`tid`) or a hosted domain (`hd`) is one tenant's. Looked up before the tenant is known, so
-- the worker role reads it across tenants; names of companies, ids and nothing else.
create table gateway.domains (
  tenant_id uuid not null,
  claim text not null check (claim in ('tid', 'hd')),
  value text not null check (length(value) between 3 and 253),
  primary key (claim, value)
);
alter table gateway.domains enable row level security, force row level security;
create policy tenant on gateway.domains to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.domains for select to csr_gateway_worker using (current_user = 'csr_gateway_worker');
grant select, insert, delete on gateway.domains to csr_gateway;
grant select on gateway.domains to csr_gateway_worker;

-- Sessions, found by the HMAC of their cookie before the tenant is known: the worker role reads them across tenants and
-- notes that they are in use. `app` sessions have refresh tokens instead of a cookie.
create table gateway.sessions (
  tenant_id uuid not null,
  session_id uuid not null,
  account_id uuid not null,
  kind text not null check (kind in ('browser', 'app')),
  secret text check (length(secret) = 43),
  provider text not null,
  second_factor boolean not null,
  -- when our code flow was completed; nothing but another sign-in changes it
  signed_in_at timestamptz(3) not null,
  opened_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (session_id),
  unique (secret),
  check ((kind = 'browser') = (secret is not null))
);
create index sessions_of_account on gateway.sessions (account_id);
create index sessions_expire on gateway.sessions (expires_at);
alter table gateway.sessions enable row level security, force row level security;
create policy tenant on gateway.sessions to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.sessions to csr_gateway_worker
  using (current_user = 'csr_gateway_worker') with check (current_user = 'csr_gateway_worker');
grant select, insert, delete on gateway.sessions to csr_gateway;
grant select, delete, update (seen_at) on gateway.sessions to csr_gateway_worker;

-- One-time invitations, found by the HMAC of their token before the tenant is known.
create table gateway.invitations (
  tenant_id uuid not null,
  invitation_id uuid not null,
  token text not null unique check (length(token) = 43),
  role text not null check (role in ('company_admin', 'programme_manager', 'auditor', 'participant')),
  subject_id uuid check ((subject_id is not null) = (role = 'participant')),
  invited_by text not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  accepted_by uuid,
  accepted_at timestamptz(3),
  primary key (invitation_id)
);
create index invitations_expire on gateway.invitations (expires_at);
alter table gateway.invitations enable row level security, force row level security;
create policy tenant on gateway.invitations to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.invitations to csr_gateway_worker
  using (current_user = 'csr_gateway_worker') with check (current_user = 'csr_gateway_worker');
grant select, insert, update (accepted_by, accepted_at) on gateway.invitations to csr_gateway;
grant select, delete on gateway.invitations to csr_gateway_worker;

-- migrate:down

drop table gateway.invitations;
drop table gateway.sessions;
drop table gateway.domains;
drop table gateway.sign_in_rules;
drop table gateway.memberships;
drop table gateway.accounts;
