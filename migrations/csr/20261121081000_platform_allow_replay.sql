-- migrate:up

-- A dead letter that is replayed becomes effective in the transaction of its handler: its claim turns from dead to done.
do $$
declare
  service name;
begin
  foreach service in array array['gateway', 'profile', 'ingest', 'q2q', 'safety', 'privacy', 'audit']::name[] loop
    execute format('grant update (state) on %I.inbox to csr_%s', service, service);
  end loop;
end
$$;

-- migrate:down

do $$
declare
  service name;
begin
  foreach service in array array['gateway', 'profile', 'ingest', 'q2q', 'safety', 'privacy', 'audit']::name[] loop
    execute format('revoke update (state) on %I.inbox from csr_%s', service, service);
  end loop;
end
$$;
