import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import type { SealedText } from '@csr/contracts/events/envelope'
import { eventPlace } from '@csr/contracts/events/event-place'
import { splitExport } from '@csr/contracts/events/export-parts'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement } from '@csr/postgres/statement'
import { personPlace } from './account-store.ts'

type ExportRequested = EventOf<'privacy.export.requested.v1'>

export interface ContributionStore {
  /** the accounts bound to the person and their sessions, as events to publish; none where the person is erased */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'gateway.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly stamp: () => { readonly id: string; readonly time: string }
}

type MembershipRow = { readonly account_id: string; readonly roles: readonly string[]; readonly joined_at: string }
type AccountRow = {
  readonly account_id: string
  readonly provider: string
  readonly person_sealed: SealedText | null
  readonly signed_in_at: string | null
}

const type = 'gateway.export.contributed.v1'

export function createContributionStore({ postgres, keyring, stamp }: Deps): ContributionStore {
  async function accountsOf(tenantId: string, subjectId: string) {
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

  return {
    async contribute(tenantId, request) {
      const { exportId, subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const texts = splitExport({ accounts: await accountsOf(tenantId, subjectId) })
      return texts.map((text, index) => {
        const about = { ...stamp(), tenantId, subject: subjectId, causationId: request.id }
        const content = keys.seal(subjectId, eventPlace({ type, id: about.id }, 'content'), text) as unknown as string
        return createEvent(type, about, { exportId, subjectId, part: index + 1, parts: texts.length, content })
      })
    },
  }
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
