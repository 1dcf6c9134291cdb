-- migrate:up

create schema privacy;
grant usage on schema privacy to csr_privacy, csr_privacy_worker;

-- What people decided about each purpose: records are added, never changed. The latest counts.
create table privacy.consents (
  tenant_id uuid not null,
  id uuid not null,
  subject_id uuid not null,
  purpose text not null check (purpose in ('programme_delivery', 'impact_measurement', 'ai_scoring', 'research', 'marketing')),
  allowed boolean not null,
  notice text not null,
  actor_id text not null,
  -- how staff who acted for the person checked who they are; null where the person decided
  identity_checked_by text,
  decided_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index consents_latest on privacy.consents (tenant_id, subject_id, purpose, decided_at desc, id desc);

select ops.protect_tenant_table('privacy.consents');
grant select, insert on privacy.consents to csr_privacy;

select ops.create_messaging('privacy');

-- migrate:down

drop schema privacy cascade;
