import type { SealedText } from '@csr/contracts/events/envelope'
import { createContributions, type ContributionDeps, type Contributions } from '@csr/keyring/contribute-export'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { peoplePlace } from './seal-report.ts'

type Deps = ContributionDeps & { readonly postgres: Pick<Postgres, 'group'> }

type ReportedRow = { readonly id: string; readonly sealed: SealedText } & Readonly<Record<string, unknown>>

/** Nobody waits for it, and it reads whole tables: there is no index by person, which every accept would pay for. */
const readingMs = 20_000

export function createContributionStore({ postgres, keyring, stamp }: Deps): Contributions<'ingest'> {
  return createContributions('ingest', {
    keyring,
    stamp,
    async read(tenantId, subjectId, keys) {
      const reading = { deadlineMs: readingMs }
      const [deliveries, rows] = await postgres.group(tenantId, [deliveriesOf(subjectId), rowsOf(subjectId)], reading)
      const open = ({ sealed, ...row }: ReportedRow) => {
        const reported: unknown = JSON.parse(keys.read(sealed, peoplePlace(row.id)))
        return { ...row, reported }
      }
      return { deliveries: deliveries.map(open), rows: rows.map(open) }
    },
  })
}

const deliveriesOf = (subjectId: string) =>
  statement<ReportedRow>(
    `select id, partner, kind, outcome, reported_at as "reportedAt", received_at as "receivedAt", person.sealed
     from ingest.deliveries, unnest(subject_ids, people_sealed) as person (subject_id, sealed)
     where subject_ids @> array[$1::uuid] and person.subject_id = $1::uuid and person.sealed is not null
     order by received_at, id`,
    [subjectId],
  )

const rowsOf = (subjectId: string) =>
  statement<ReportedRow>(
    `select id, import_id as "importId", row, person.sealed
     from ingest.import_rows, unnest(subject_ids, people_sealed) as person (subject_id, sealed)
     where subject_ids @> array[$1::uuid] and person.subject_id = $1::uuid and person.sealed is not null
     order by id`,
    [subjectId],
  )
