import { statement, type Statement } from '@csr/postgres/statement'

/** To stand first in every transaction that may take the administration from somebody: of two, one sees what the other did. */
export const lockAdministration = statement(
  `select pg_advisory_xact_lock(hashtextextended('gateway.administrators/' || ops.tenant_id()::text, 0))`,
)

/** Raises CS001 where the account is no member, or the last administrator. */
export function endMember(accountId: string): Statement {
  return statement(
    `with gone as (
       delete from gateway.memberships m where m.tenant_id = ops.tenant_id() and m.account_id = $1 and (
         not m.roles @> array['company_admin'] or exists (
           select from gateway.memberships other where other.tenant_id = ops.tenant_id()
             and other.account_id <> $1 and other.roles @> array['company_admin']))
       returning 1)
     select ops.expect((select count(*) from gone), 1)`,
    [accountId],
  )
}

/** Raises CS001 where the account is no member. */
export function giveAdministration(accountId: string): Statement {
  return statement(
    `with given as (
       update gateway.memberships set roles = (select array_agg(distinct r) from unnest(roles || array['company_admin']) r)
       where tenant_id = ops.tenant_id() and account_id = $1 returning 1)
     select ops.expect((select count(*) from given), 1)`,
    [accountId],
  )
}

/**
 * Takes the role, and with the last role the membership and its sessions. Raises CS001 where `from` is no administrator, or
 * is null although there is one.
 */
export function dropAdministrator(from: string | null, to: string): Statement[] {
  if (from === null) return [expectNoOther(to)]
  return [
    statement(
      `with kept as (
         update gateway.memberships set roles = array_remove(roles, 'company_admin')
         where tenant_id = ops.tenant_id() and account_id = $1 and account_id <> $2 and roles @> array['company_admin']
           and cardinality(roles) > 1 returning 1),
       gone as (
         delete from gateway.memberships
         where tenant_id = ops.tenant_id() and account_id = $1 and account_id <> $2 and roles = array['company_admin']
         returning 1)
       select ops.expect((select count(*) from kept) + (select count(*) from gone), 1)`,
      [from, to],
    ),
    statement(
      `delete from gateway.sessions where account_id = $1 and not exists (
         select from gateway.memberships where tenant_id = ops.tenant_id() and account_id = $1)`,
      [from],
    ),
  ]
}

function expectNoOther(to: string): Statement {
  return statement(
    `select ops.expect((select count(*) from gateway.memberships
       where tenant_id = ops.tenant_id() and account_id <> $1 and roles @> array['company_admin']), 0)`,
    [to],
  )
}
