-- migrate:up

-- What became of a dead letter, and what it takes to replay it. `inbox_id` is the key under which the service that gave up
-- claimed it; `form` says whether the payload is as received, sealed, or left where it was received.
alter table audit.dead_letters
  add column inbox_id uuid,
  add column state text not null default 'open' check (state in ('open', 'replayed', 'resolved', 'discarded')),
  add column replays int not null default 0,
  add column form text not null default 'received' check (form in ('received', 'sealed', 'left')),
  add column bytes int not null default 0;
grant update (state, replays, attempts, reason, code, fingerprint, last_at, payload) on audit.dead_letters to csr_audit;
grant delete on audit.dead_letters to csr_audit_worker;
create policy worker_expires on audit.dead_letters for delete to csr_audit_worker
  using (current_user = 'csr_audit_worker');

-- What somebody did about an entry, kept as long as the entry. Read across tenants by operators: ids, times and states.
-- A replay of a bulk is planned first and sent later. The id is that of the event which tells of it.
create table audit.dead_letter_acts (
  tenant_id uuid not null,
  id uuid primary key,
  dead_letter_id uuid not null references audit.dead_letters (id) on delete cascade,
  kind text not null check (kind in ('replay', 'discard')),
  bulk_id uuid,
  fingerprint text not null,
  actor_id text not null,
  request_id text not null,
  reason text,
  at timestamptz(3) not null,
  sent_at timestamptz(3),
  outcome text check (outcome in ('effective', 'already-effective', 'failed', 'skipped')),
  code text,
  settled_at timestamptz(3)
);
create index dead_letter_acts_of on audit.dead_letter_acts (dead_letter_id);
create index dead_letter_acts_of_bulk on audit.dead_letter_acts (bulk_id, fingerprint) where bulk_id is not null;

-- Replays of many entries, of the platform's tenant; planned and carried out by a job that may die at any moment.
create table audit.bulk_replays (
  tenant_id uuid not null,
  id uuid primary key,
  state text not null check (state in ('requested', 'running', 'completed', 'stopped')),
  filter text not null,
  actor_id text not null,
  request_id text not null,
  total int not null default 0,
  requested_at timestamptz(3) not null,
  ended_at timestamptz(3)
);
create index bulk_replays_under_way on audit.bulk_replays (id) where ended_at is null;

alter table audit.dead_letter_acts enable row level security, force row level security;
create policy tenant on audit.dead_letter_acts to csr_audit
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on audit.dead_letter_acts to csr_audit_worker
  using (current_user = 'csr_audit_worker') with check (current_user = 'csr_audit_worker');
grant select, insert, update (sent_at, outcome, code, settled_at) on audit.dead_letter_acts to csr_audit;
grant select, insert, update (outcome, settled_at) on audit.dead_letter_acts to csr_audit_worker;

alter table audit.bulk_replays enable row level security, force row level security;
create policy tenant on audit.bulk_replays to csr_audit
  using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id());
create policy worker on audit.bulk_replays to csr_audit_worker
  using (current_user = 'csr_audit_worker') with check (current_user = 'csr_audit_worker');
grant select, insert, update (state, ended_at) on audit.bulk_replays to csr_audit;
grant select, update (state, total), delete on audit.bulk_replays to csr_audit_worker;

-- migrate:down

drop table audit.bulk_replays, audit.dead_letter_acts;
drop policy worker_expires on audit.dead_letters;
revoke delete on audit.dead_letters from csr_audit_worker;
revoke update (state, replays, attempts, reason, code, fingerprint, last_at, payload) on audit.dead_letters from csr_audit;
alter table audit.dead_letters
  drop column inbox_id, drop column state, drop column replays, drop column form, drop column bytes;
