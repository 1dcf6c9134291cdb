-- migrate:up

create schema gateway;
grant usage on schema gateway to csr_gateway, csr_gateway_worker;

-- One row per company. Operators list it across tenants, so the worker role reads it; the request role sees and makes
-- its own tenant's row only. The name is sealed under a record key of the platform tenant.
create table gateway.tenants (
  tenant_id uuid not null,
  name_sealed text not null check (name_sealed ~ '^s1[.]'),
  created_at timestamptz(3) not null,
  primary key (tenant_id)
);

alter table gateway.tenants enable row level security, force row level security;
create policy tenant on gateway.tenants to csr_gateway
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on gateway.tenants for select to csr_gateway_worker
  using (current_user = 'csr_gateway_worker');
grant select, insert on gateway.tenants to csr_gateway;
grant select on gateway.tenants to csr_gateway_worker;

select ops.create_messaging('gateway');

-- migrate:down

drop schema gateway cascade;
