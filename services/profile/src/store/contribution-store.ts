import type { EventOf } from '@csr/contracts/events/catalog'
import { contributeExport } from '@csr/keyring/contribute-export'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import * as queries from './queries.ts'
import { openPersonal } from './sealed-profile.ts'

type ExportRequested = EventOf<'privacy.export.requested.v1'>
type Stamp = () => { readonly id: string; readonly time: string }

export interface ContributionStore {
  /** what this service holds about the person, as events to publish; none where the person is erased */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'profile.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly stamp: Stamp
}

export function createContributionStore({ postgres, keyring, stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const [rows, activities, revisions] = await postgres.group(tenantId, [
        queries.personalById({ subjectId }),
        activitiesOf(subjectId),
        revisionsOf(subjectId),
      ])
      const profile = rows.map((row) => ({
        id: row.subject_id,
        ...openPersonal(row, keys),
        createdAt: row.created_at,
        changedAt: row.changed_at,
      }))
      const held = { profile, activities, revisions }
      return contributeExport('profile', request, held, { keys, stamp }) as EventOf<'profile.export.contributed.v1'>[]
    },
  }
}

const activitiesOf = (subjectId: string) =>
  statement<Record<string, unknown>>(
    `select activities.id, kind, partner, source_id as "sourceId", role, occurred_at as "occurredAt", details,
       programmes.name as programme, reported_at as "reportedAt"
     from profile.activities left join profile.programmes
       on programmes.tenant_id = activities.tenant_id and programmes.id = activities.programme_id
     where subject_id = $1::uuid order by occurred_at, activities.id`,
    [subjectId],
  )

const revisionsOf = (subjectId: string) =>
  statement<Record<string, unknown>>(
    `select activity_id as "activityId", reported_at as "reportedAt", occurred_at as "occurredAt", details
     from profile.activity_revisions where subject_id = $1::uuid order by reported_at`,
    [subjectId],
  )
