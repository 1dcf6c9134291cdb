import type { Role } from '@csr/contracts/permissions'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isUniqueViolation } from '@csr/postgres/errors'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Domain } from '../domain/membership.ts'
import { signInRulesChanged } from '../events.ts'

/** How people come into a tenant by themselves, and what it asks of their sign-in. */
export type SignInRules = {
  readonly domains: readonly Domain[]
  /** of who joins by domain */
  readonly role: Exclude<Role, 'participant' | 'platform_admin'>
  readonly secondFactor: boolean
}

export interface SignInRuleStore {
  /** tenants whose verified domain is one of these */
  tenantsOfDomains(domains: readonly Domain[]): Promise<readonly string[]>
  /** null where the tenant has never set any */
  find(tenantId: string): Promise<SignInRules | null>
  /** replaces the rules; false where a domain is another tenant's */
  replace(
    tenantId: string,
    rules: SignInRules,
    by: { readonly actorId: string; readonly requestId: string },
  ): Promise<boolean>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

type RulesRow = { readonly role: SignInRules['role']; readonly second_factor: boolean }
type DomainRow = Domain & { readonly tenant_id: string }

export function createSignInRuleStore({ postgres, relay, clock, ids }: Deps): SignInRuleStore {
  return {
    async tenantsOfDomains(domains) {
      if (domains.length === 0) return []
      const [rows] = await postgres.worker([selectDomains(domains)])
      return [...new Set(rows.map(({ tenant_id }) => tenant_id))]
    },
    async find(tenantId) {
      const select = statement<RulesRow>('select role, second_factor from gateway.sign_in_rules')
      const domains = statement<Domain>('select claim, value from gateway.domains order by claim, value')
      const [[row], listed] = await postgres.group(tenantId, [select, domains])
      return row ? { role: row.role, secondFactor: row.second_factor, domains: listed } : null
    },
    async replace(tenantId, rules, by) {
      const [taken] = rules.domains.length === 0 ? [[]] : await postgres.worker([selectDomains(rules.domains)])
      if (taken.some(({ tenant_id }) => tenant_id !== tenantId)) return false
      const event = signInRulesChanged({ ...rules, ...by, tenantId }, { id: ids.uuid(), time: clock.now() })
      try {
        await postgres.group(tenantId, [...replaceRules(rules), insertEvents('gateway', [event])])
      } catch (error) {
        if (isUniqueViolation(error)) return false
        throw error
      }
      relay.wake()
      return true
    },
  }
}

function selectDomains(domains: readonly Domain[]): Statement<DomainRow> {
  return statement<DomainRow>(
    `select tenant_id, claim, value from gateway.domains
     where (claim, value) in (select * from unnest($1::text[], $2::text[])) order by tenant_id`,
    [arrayOf(domains.map(({ claim }) => claim)), arrayOf(domains.map(({ value }) => value))],
  )
}

function replaceRules({ domains, role, secondFactor }: SignInRules): Statement[] {
  return [
    statement(
      `insert into gateway.sign_in_rules (tenant_id, role, second_factor) values (ops.tenant_id(), $1, $2)
       on conflict (tenant_id) do update set role = excluded.role, second_factor = excluded.second_factor`,
      [role, secondFactor],
    ),
    statement('delete from gateway.domains where tenant_id = ops.tenant_id()'),
    statement(
      `insert into gateway.domains (tenant_id, claim, value)
       select ops.tenant_id(), claim, value from unnest($1::text[], $2::text[]) as d (claim, value)`,
      [arrayOf(domains.map(({ claim }) => claim)), arrayOf(domains.map(({ value }) => value))],
    ),
  ]
}
