-- migrate:up

-- The outcome that stands for the text of an activity, as q2q last decided it; it may come before the activity does.
-- A withheld outcome has no scores.
create table profile.activity_outcomes (
  tenant_id uuid not null,
  activity_id uuid not null,
  subject_id uuid not null,
  outcome_id uuid not null,
  scores jsonb,
  reported_at timestamptz(3) not null,
  decided_by uuid not null,
  primary key (tenant_id, activity_id)
);

select ops.protect_tenant_table('profile.activity_outcomes');
grant select, insert, update on profile.activity_outcomes to csr_profile;

-- migrate:down

drop table profile.activity_outcomes;
