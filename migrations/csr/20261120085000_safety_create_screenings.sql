-- migrate:up

create schema safety;
grant usage on schema safety to csr_safety, csr_safety_worker;

-- One row per screened text. The text itself stays only while a person has to decide about it, sealed for its author.
create table safety.screenings (
  tenant_id uuid not null,
  id uuid not null,
  activity_id uuid not null,
  author_id uuid not null,
  verdict text not null check (verdict in ('allow', 'mask', 'review', 'block')),
  reasons jsonb not null,
  policy text not null,
  reported_at timestamptz(3) not null,
  screened_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index screenings_author on safety.screenings (tenant_id, author_id);

create table safety.reviews (
  tenant_id uuid not null,
  id uuid not null,
  screening_id uuid not null,
  activity_id uuid not null,
  author_id uuid not null,
  categories text[] not null,
  urgency text not null check (urgency in ('normal', 'high', 'immediate')),
  text_sealed text not null check (text_sealed ~ '^s1[.]'),
  state text not null default 'open' check (state in ('open', 'decided')),
  requested_at timestamptz(3) not null,
  due_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index reviews_author on safety.reviews (tenant_id, author_id);

select ops.protect_tenant_table('safety.screenings');
select ops.protect_tenant_table('safety.reviews');

grant select, insert on safety.screenings, safety.reviews to csr_safety;

select ops.create_messaging('safety');

-- migrate:down

drop schema safety cascade;
