-- migrate:up

-- A person of a tenant is one account at most. Whoever loses theirs is removed as a member, and invited again.
create unique index memberships_of_person on gateway.memberships (tenant_id, subject_id) where subject_id is not null;

-- migrate:down

drop index gateway.memberships_of_person;
