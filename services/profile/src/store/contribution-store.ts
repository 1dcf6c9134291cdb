import { createContributions, type ContributionDeps, type Contributions } from '@csr/keyring/contribute-export'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import * as queries from './queries.ts'
import { openPersonal } from './sealed-profile.ts'

type Deps = ContributionDeps & { readonly postgres: Pick<Postgres, 'group'> }

export function createContributionStore({ postgres, keyring, stamp }: Deps): Contributions<'profile'> {
  return createContributions('profile', {
    keyring,
    stamp,
    async read(tenantId, subjectId, keys) {
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
      return { profile, activities, revisions }
    },
  })
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
