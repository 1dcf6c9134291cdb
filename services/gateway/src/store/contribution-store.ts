import type { SealedText } from '@csr/contracts/events/envelope'
import { platformTenantId } from '@csr/contracts/services'
import { createContributions, type ContributionDeps, type Contributions } from '@csr/keyring/contribute-export'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement } from '@csr/postgres/statement'
import { personPlace } from './account-store.ts'

type Deps = ContributionDeps & { readonly postgres: Pick<Postgres, 'group'> }

type MembershipRow = { readonly account_id: string; readonly roles: readonly string[]; readonly joined_at: string }
type AccountRow = {
  readonly account_id: string
  readonly provider: string
  readonly person_sealed: SealedText | null
  readonly signed_in_at: string | null
}

export function createContributionStore({ postgres, keyring, stamp }: Deps): Contributions<'gateway'> {
  return createContributions('gateway', {
    keyring,
    stamp,
    read: async (tenantId, subjectId) => ({ accounts: await accountsOf({ postgres, keyring }, tenantId, subjectId) }),
  })
}

async function accountsOf(
  { postgres, keyring }: Pick<Deps, 'postgres' | 'keyring'>,
  tenantId: string,
  subjectId: string,
) {
  const [memberships] = await postgres.group(tenantId, [membershipsOf(subjectId)])
  if (memberships.length === 0) return []
  const ids = memberships.map((row) => row.account_id)
  const [rows] = await postgres.group(platformTenantId, [accountsById(ids)])
  const keys = await keyring.load(platformTenantId, ids)
  return memberships.map(({ account_id, roles, joined_at: joinedAt }) => {
    const account = rows.find((row) => row.account_id === account_id)
    const sealed = account?.person_sealed ?? null
    const opened = sealed === null ? null : keys.open(sealed, personPlace(account_id))
    const person: unknown = opened?.state === 'value' ? JSON.parse(opened.value) : null
    const { provider = null, signed_in_at: signedInAt = null } = account ?? {}
    return { id: account_id, provider, person, roles, joinedAt, signedInAt }
  })
}

const membershipsOf = (subjectId: string) =>
  statement<MembershipRow>('select account_id, roles, joined_at from gateway.memberships where subject_id = $1', [
    subjectId,
  ])

const accountsById = (ids: readonly string[]) =>
  statement<AccountRow>(
    `select account_id, provider, person_sealed, signed_in_at from gateway.accounts where account_id = any($1::uuid[])`,
    [arrayOf(ids)],
  )
