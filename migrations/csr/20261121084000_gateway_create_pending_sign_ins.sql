-- migrate:up

-- A sign-in that was started in a browser and has not come back from its provider yet; it belongs to the platform tenant,
-- for no other is known by then. The key is an HMAC over the state and the browser's cookie, from which nonce and PKCE
-- verifier are derived as well: who reads this table can complete nothing. Any gateway may take the row, once.
create table gateway.pending_sign_ins (
  tenant_id uuid not null,
  fingerprint text not null check (length(fingerprint) = 43),
  provider text not null,
  -- a path of the allow-list
  return_to text not null check (return_to ~ '^/[^/\\]'),
  fresh boolean not null,
  started_at timestamptz(3) not null,
  primary key (tenant_id, fingerprint)
);
create index pending_sign_ins_oldest_first on gateway.pending_sign_ins (tenant_id, started_at);

select ops.protect_tenant_table('gateway.pending_sign_ins');
grant select, insert, delete on gateway.pending_sign_ins to csr_gateway;
-- To lock a row is an update to PostgreSQL; gateways that clear old rows pass over those another one is clearing.
grant update (started_at) on gateway.pending_sign_ins to csr_gateway;

-- migrate:down

drop table gateway.pending_sign_ins;
