-- migrate:up

-- The tables every service needs to publish and consume: outbox, inbox, started, parked, relayed. They are read across tenants by
-- the worker role of their service and hold ids, times, states and sealed payloads only. Row-level security is by role:
-- the request role acts for its own tenant, the worker is let in by name, the owner only to move rows between partitions.

-- The smallest UUID of a day: ids are UUIDv7, so a range of ids is a range of times (RFC 9562, section 5.7).
create function ops.uuid_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe set search_path = pg_catalog
  as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
  $$;

-- Makes sure that the partition of a day exists and bears all policies; rows that waited in the default partition move.
create function ops.create_day_partition(schema_name name, table_name name, day date) returns void
  language plpgsql set search_path = pg_catalog
  as $$
  declare
    part constant text := format('%s_%s', table_name, to_char(day, 'YYYYMMDD'));
    key constant text := case table_name when 'inbox' then 'event_id' else 'id' end;
    low constant uuid := ops.uuid_floor(day::timestamp at time zone 'UTC');
    high constant uuid := ops.uuid_floor((day + 1)::timestamp at time zone 'UTC');
  begin
    if to_regclass(format('%I.%I', schema_name, part)) is not null then return; end if;
    execute format('create table %1$I.%2$I (like %1$I.%3$I including all)', schema_name, part, table_name);
    execute format(
      'with moved as (delete from %1$I.%3$I where %4$I >= %5$L and %4$I < %6$L returning *)
       insert into %1$I.%2$I select * from moved', schema_name, part, table_name, key, low, high);
    execute format('alter table %1$I.%3$I attach partition %1$I.%2$I for values from (%4$L) to (%5$L)',
      schema_name, part, table_name, low, high);
    execute format('alter table %1$I.%2$I enable row level security, force row level security', schema_name, part);
  end
  $$;

-- Partitions around `at` (which follows the service's clock), and the end of those past their time by the real clock:
-- outbox 14 days, and only once everything in it is sent; inbox 45 days, longer than anything that can come again.
create function ops.keep_messaging(schema_name name, at timestamptz) returns void
  language plpgsql security definer set search_path = pg_catalog set lock_timeout = '500ms'
  as $$
  declare
    days_ahead constant int := 4;
    day date;
    part record;
    last_kept date;
    sent boolean;
  begin
    if session_user not in (current_user, format('csr_%s_worker', schema_name)) then
      raise exception 'only the worker of % may keep its partitions', schema_name using errcode = '42501';
    end if;
    for day in select generate_series(0, days_ahead + 1) + (at at time zone 'UTC')::date - 1 loop
      perform ops.create_day_partition(schema_name, 'outbox', day);
      perform ops.create_day_partition(schema_name, 'inbox', day);
    end loop;
    for part in
      select parent.relname as parent, child.relname as name, to_date(right(child.relname, 8), 'YYYYMMDD') as day
      from pg_inherits
      join pg_class child on child.oid = inhrelid
      join pg_class parent on parent.oid = inhparent
      where parent.relnamespace = to_regnamespace(quote_ident(schema_name)) and parent.relname in ('outbox', 'inbox')
        and child.relname ~ '_[0-9]{8}$'
    loop
      last_kept := (least(at, now()) at time zone 'UTC')::date - case part.parent when 'inbox' then 45 else 14 end;
      continue when part.day >= last_kept;
      if part.parent = 'outbox' then
        execute format('select not exists (select from %I.outbox where sequence is null and id >= %L and id < %L)',
          schema_name, ops.uuid_floor(part.day::timestamp at time zone 'UTC'),
          ops.uuid_floor((part.day + 1)::timestamp at time zone 'UTC')) into sent;
        continue when not sent;
      end if;
      execute format('drop table %I.%I', schema_name, part.name);
    end loop;
  end
  $$;

revoke execute on function ops.create_day_partition(name, name, date) from public;
revoke execute on function ops.keep_messaging(name, timestamptz) from public;

-- Creates the tables in the schema of a service, with grants and policies for csr_<schema> and csr_<schema>_worker.
create function ops.create_messaging(schema_name name) returns void
  language plpgsql set search_path = pg_catalog
  as $$
  declare
    service constant name := format('csr_%s', schema_name);
    worker constant name := format('csr_%s_worker', schema_name);
    of_table name;
  begin
    execute format($ddl$
      create table %1$I.outbox (
        tenant_id uuid not null,
        id uuid not null,
        topic text not null,
        lane text not null check (lane in ('live', 'bulk')),
        payload text not null,
        traceparent text,
        created_at timestamptz not null default now(),
        epoch text,
        sequence bigint,
        primary key (id)
      ) partition by range (id);
      create index outbox_unsent on %1$I.outbox (lane, id) where sequence is null;
      create table %1$I.outbox_default partition of %1$I.outbox default;

      create table %1$I.inbox (
        tenant_id uuid not null,
        consumer text not null,
        event_id uuid not null,
        state text not null default 'done' check (state in ('done', 'dead')),
        claimed_at timestamptz not null default now(),
        primary key (event_id, consumer)
      ) partition by range (event_id);
      create table %1$I.inbox_default partition of %1$I.inbox default;

      create table %1$I.started (
        tenant_id uuid not null,
        consumer text not null,
        event_id uuid not null,
        attempts integer not null default 0,
        starts integer not null default 0,
        code text,
        first_at timestamptz not null,
        last_at timestamptz not null,
        primary key (consumer, event_id)
      );

      create table %1$I.parked (
        tenant_id uuid not null,
        consumer text not null,
        event_id uuid not null,
        waits_for text not null,
        topic text not null,
        payload text not null,
        stream text not null,
        epoch text not null,
        sequence bigint not null,
        parked_at timestamptz not null,
        tried_at timestamptz not null,
        primary key (consumer, event_id)
      );
      create index parked_waits_for on %1$I.parked (consumer, waits_for);
      create index parked_tried_at on %1$I.parked (consumer, tried_at);

      create table %1$I.relayed (
        stream text primary key,
        epoch text not null,
        last_sequence bigint not null
      );
    $ddl$, schema_name);

    foreach of_table in array array['outbox', 'inbox', 'started', 'parked']::name[] loop
      execute format('alter table %I.%I enable row level security, force row level security', schema_name, of_table);
      execute format(
        'create policy tenant on %1$I.%2$I to %3$I using (tenant_id = ops.tenant_id()) with check (tenant_id = ops.tenant_id())',
        schema_name, of_table, service);
      execute format(
        'create policy worker on %1$I.%2$I to %3$I using (current_user = %3$L) with check (current_user = %3$L)',
        schema_name, of_table, worker);
      execute format(
        'create policy housekeeping on %1$I.%2$I to %3$I using (current_user = %3$L) with check (current_user = %3$L)',
        schema_name, of_table, current_user);
    end loop;
    -- No tenant's: which incarnation of a stream the relay published into, and how far.
    execute format('alter table %I.relayed enable row level security, force row level security', schema_name);
    execute format('create policy worker on %1$I.relayed to %2$I using (current_user = %2$L) with check (current_user = %2$L)',
      schema_name, worker);
    execute format('alter table %1$I.outbox_default enable row level security, force row level security', schema_name);
    execute format('alter table %1$I.inbox_default enable row level security, force row level security', schema_name);

    execute format('grant insert on %1$I.outbox to %2$I', schema_name, service);
    execute format('grant select, insert on %1$I.inbox to %2$I', schema_name, service);
    execute format('grant select, insert, update, delete on %1$I.started, %1$I.parked to %2$I', schema_name, service);
    execute format('grant usage on schema %I, ops to %I', schema_name, worker);
    execute format('grant select, update (epoch, sequence) on %I.outbox to %I', schema_name, worker);
    execute format('grant select on %I.inbox to %I', schema_name, worker);
    execute format('grant select, update, delete on %1$I.started to %2$I', schema_name, worker);
    execute format('grant select, delete, update (tried_at) on %1$I.parked to %2$I', schema_name, worker);
    execute format('grant select, insert, update on %I.relayed to %I', schema_name, worker);
    execute format('grant execute on function ops.keep_messaging(name, timestamptz) to %I', worker);
    perform ops.keep_messaging(schema_name, now());
  end
  $$;

-- migrate:down

drop function ops.create_messaging(name);
drop function ops.keep_messaging(name, timestamptz);
drop function ops.create_day_partition(name, name, date);
drop function ops.uuid_floor(timestamptz);
