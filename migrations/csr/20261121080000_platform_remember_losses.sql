-- migrate:up

-- What a relay needs to find out that a stream lost something, and to send no more again than is needed.
create function ops.create_reconciling(schema_name name) returns void
  language plpgsql set search_path = pg_catalog
  as $$
  begin
    execute format($ddl$
      -- Where an event is stored: finds what is to be sent again, and two events in one place.
      create index outbox_place on %1$I.outbox (epoch, sequence) where sequence is not null;

      alter table %1$I.relayed
        -- all durables have acknowledged up to here, as the keeper said in the stream's metadata; null: not said yet
        add column low_water bigint,
        -- how the stream looked last: where it began, how many are missing in it, how many are this service's own
        add column first_sequence bigint not null default 0,
        add column missing bigint not null default 0,
        add column own bigint not null default 0,
        -- the last time it had lost something, how that was noticed, and how many events were sent again
        add column lost_at timestamptz,
        add column lost_sign text check (lost_sign in ('epoch', 'end', 'other-row', 'hole')),
        add column lost_count bigint;
    $ddl$, schema_name);
  end
  $$;

do $$
  declare schema_name name;
  begin
    for schema_name in
      select nspname from pg_class join pg_namespace on pg_namespace.oid = relnamespace where relname = 'relayed'
    loop
      perform ops.create_reconciling(schema_name);
    end loop;
  end
$$;

-- migrate:down

do $$
  declare schema_name name;
  begin
    for schema_name in
      select nspname from pg_class join pg_namespace on pg_namespace.oid = relnamespace where relname = 'relayed'
    loop
      execute format('drop index %I.outbox_place', schema_name);
      execute format('alter table %I.relayed drop column low_water, drop column first_sequence, drop column missing,
        drop column own, drop column lost_at, drop column lost_sign, drop column lost_count', schema_name);
    end loop;
  end
$$;
drop function ops.create_reconciling(name);
