-- migrate:up

create schema q2q;
grant usage on schema q2q to csr_q2q, csr_q2q_worker;

-- The outcome that stands for each text: scored, or withheld with a reason. The screened text and the evidence are
-- sealed under the subject's key. A report with a later time replaces an earlier one, whichever comes first.
create table q2q.outcomes (
  tenant_id uuid not null,
  activity_id uuid not null,
  id uuid not null,
  subject_id uuid not null,
  reported_at timestamptz(3) not null,
  -- the event the text came with: of two with one time, the greater id stands
  source_id uuid not null,
  withheld text,
  labels jsonb,
  confidence double precision check (confidence between 0 and 1),
  belonging double precision check (belonging between 0 and 1),
  language_level double precision check (language_level between 0 and 1),
  job_readiness double precision check (job_readiness between 0 and 1),
  well_being double precision check (well_being between 0 and 1),
  text_sealed text check (text_sealed ~ '^s1[.]'),
  evidence_sealed text check (evidence_sealed ~ '^s1[.]'),
  language text,
  model text,
  version text,
  rubric text,
  policy text not null,
  scored_at timestamptz(3) not null,
  primary key (tenant_id, activity_id),
  check ((withheld is null) = (labels is not null and evidence_sealed is not null and model is not null))
);
create index outcomes_newest_first on q2q.outcomes (tenant_id, subject_id, scored_at desc, id desc);

select ops.protect_tenant_table('q2q.outcomes');
grant select, insert, update on q2q.outcomes to csr_q2q;

select ops.create_messaging('q2q');

-- migrate:down

drop schema q2q cascade;
