-- migrate:up

-- The life of a tenant follows from its times: suspended while `suspended_at` stands; asked to close while `closes_at` stands,
-- closed from `closed_at` on, and its keys are to be destroyed from `erasure_asked_at` on.
alter table gateway.tenants
  add suspended_at timestamptz(3),
  add suspended_for text check (suspended_for in ('requested', 'unpaid', 'security', 'legal', 'other')),
  add closure_asked_by text,
  add closes_at timestamptz(3),
  add closed_at timestamptz(3),
  add erasure_asked_at timestamptz(3),
  add check ((suspended_at is null) = (suspended_for is null)),
  add check ((closes_at is null) = (closure_asked_by is null)),
  add check (closed_at is null or closes_at is not null),
  add check (erasure_asked_at is null or closed_at is not null);
create index tenants_closing on gateway.tenants (closes_at) where closes_at is not null and erasure_asked_at is null;
create index tenants_stopped on gateway.tenants (tenant_id) where suspended_at is not null or closed_at is not null;
grant update (suspended_at, suspended_for, closure_asked_by, closes_at, closed_at, erasure_asked_at) on gateway.tenants
  to csr_gateway;

-- Every verifier of access tokens must know whose are refused: ids and times only, by name, like keys and revocations.
do $$
declare
  worker name;
begin
  foreach worker in array array['csr_profile_worker', 'csr_ingest_worker', 'csr_q2q_worker', 'csr_safety_worker',
    'csr_privacy_worker', 'csr_audit_worker']::name[] loop
    execute format('grant select (tenant_id, suspended_at, closed_at) on gateway.tenants to %I', worker);
    execute format('create policy %1$I on gateway.tenants for select to %1$I using (current_user = %1$L)', worker);
  end loop;
end
$$;

-- Whom an invitation is for, sealed under a record key of its own, for the eyes of administrators; it binds nobody. Whose
-- administration it takes over, where it does.
alter table gateway.invitations
  add invitee_sealed text check (invitee_sealed ~ '^s1[.]'),
  add hands_over_from uuid check (hands_over_from is null or role = 'company_admin');
grant delete, update (token, expires_at, invitee_sealed) on gateway.invitations to csr_gateway;

grant delete on gateway.accounts, gateway.sign_in_rules to csr_gateway;

-- migrate:down

revoke delete on gateway.accounts, gateway.sign_in_rules from csr_gateway;
revoke delete, update (token, expires_at, invitee_sealed) on gateway.invitations from csr_gateway;
alter table gateway.invitations drop invitee_sealed, drop hands_over_from;
do $$
declare
  worker name;
begin
  foreach worker in array array['csr_profile_worker', 'csr_ingest_worker', 'csr_q2q_worker', 'csr_safety_worker',
    'csr_privacy_worker', 'csr_audit_worker']::name[] loop
    execute format('drop policy %1$I on gateway.tenants', worker);
    execute format('revoke select (tenant_id, suspended_at, closed_at) on gateway.tenants from %I', worker);
  end loop;
end
$$;
revoke update (suspended_at, suspended_for, closure_asked_by, closes_at, closed_at, erasure_asked_at) on gateway.tenants
  from csr_gateway;
alter table gateway.tenants
  drop suspended_at, drop suspended_for, drop closure_asked_by, drop closes_at, drop closed_at, drop erasure_asked_at;
