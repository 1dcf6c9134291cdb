import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'

/** Somebody who can sign in, whoever they work for. */
export type Account = {
  readonly id: string
  /** where memberships may be; one that is named here may be over */
  readonly tenantIds: readonly string[]
}

export type WantedAccount = {
  readonly provider: string
  readonly issuer: string
  readonly subject: string
  /** null where it is not known at that moment: what is known already stays */
  readonly person: { readonly name: string | null; readonly email: string | null } | null
}

export interface AccountStore {
  find(issuer: string, subject: string): Promise<Account | null>
  /** The account of (issuer, subject), made where there is none. Nothing else ever links two sign-ins. */
  ensure(wanted: WantedAccount): Promise<Account>
  /** `tenantId` among the tenants of the account; repeating it changes nothing */
  join(accountId: string, tenantId: string): Promise<void>
  tenantsOf(accountId: string): Promise<readonly string[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'createTenant' | 'createRecordKeys' | 'fingerprint'>
  readonly clock: Clock
  readonly ids: Ids
}

type Row = { readonly account_id: string; readonly tenant_ids: readonly string[] }

const toAccount = (row: Row): Account => ({ id: row.account_id, tenantIds: row.tenant_ids })
export const personPlace = (id: string) => ({ field: 'gateway.accounts.person', row: id })

/** Accounts, all of the platform tenant. */
export function createAccountStore({ postgres, keyring, clock, ids }: Deps): AccountStore {
  const identityOf = (issuer: string, subject: string): string =>
    keyring.fingerprint(platformTenantId, 'account', issuer, subject)

  async function find(issuer: string, subject: string): Promise<Account | null> {
    const select = statement<Row>('select account_id, tenant_ids from gateway.accounts where identity = $1', [
      identityOf(issuer, subject),
    ])
    const [[row]] = await postgres.group(platformTenantId, [select])
    return row ? toAccount(row) : null
  }

  return {
    find,
    async ensure({ provider, issuer, subject, person }) {
      const id = (await find(issuer, subject))?.id ?? ids.uuid()
      await keyring.createTenant(platformTenantId)
      const keys = await keyring.createRecordKeys(platformTenantId, [id])
      const sealed = person && keys.seal(id, personPlace(id), JSON.stringify(person))
      // where two sign-ins of a new account meet, the later one's sealed person would not open under the winner's key
      const upsert = statement<Row>(
        `insert into gateway.accounts (tenant_id, account_id, identity, provider, person_sealed, created_at, signed_in_at)
         values (ops.tenant_id(), $1, $2, $3, $4, $5, $5)
         on conflict (tenant_id, identity) do update set signed_in_at = excluded.signed_in_at,
           person_sealed = case when accounts.account_id = excluded.account_id
             then coalesce(excluded.person_sealed, accounts.person_sealed) else accounts.person_sealed end
         returning account_id, tenant_ids`,
        [id, identityOf(issuer, subject), provider, sealed, clock.now()],
      )
      const [[row]] = await postgres.group(platformTenantId, [upsert])
      if (!row) throw new Error('an upsert returned no row')
      return toAccount(row)
    },
    async join(accountId, tenantId) {
      const append = statement(
        `update gateway.accounts set tenant_ids = array_append(tenant_ids, $2::uuid)
         where account_id = $1 and not tenant_ids @> array[$2::uuid]`,
        [accountId, tenantId],
      )
      await postgres.group(platformTenantId, [append])
    },
    async tenantsOf(accountId) {
      const select = statement<Row>('select account_id, tenant_ids from gateway.accounts where account_id = $1', [
        accountId,
      ])
      const [[row]] = await postgres.group(platformTenantId, [select])
      return row?.tenant_ids ?? []
    },
  }
}
