import type { EventOf } from '@csr/contracts/events/catalog'
import type { SealedText } from '@csr/contracts/events/envelope'
import { contributeExport } from '@csr/keyring/contribute-export'
import { KeyringUnavailable } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { peoplePlace } from './seal-report.ts'

type ExportRequested = EventOf<'privacy.export.requested.v1'>
type Stamp = () => { readonly id: string; readonly time: string }

export interface ContributionStore {
  /** what this service holds about the person, as events to publish; none where the person is erased */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'ingest.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly stamp: Stamp
}

type ReportedRow = { readonly id: string; readonly sealed: SealedText } & Readonly<Record<string, unknown>>

/** Nobody waits for it, and it reads whole tables: there is no index by person, which every accept would pay for. */
const readingMs = 20_000

export function createContributionStore({ postgres, keyring, stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const reading = { deadlineMs: readingMs }
      const [deliveryRows, fileRows] = await postgres.group(
        tenantId,
        [deliveriesOf(subjectId), rowsOf(subjectId)],
        reading,
      )
      const open = ({ sealed, ...row }: ReportedRow) => {
        const opened = keys.open(sealed, peoplePlace(row.id))
        if (opened.state !== 'value') throw new KeyringUnavailable('the key of the person is missing')
        return { ...row, reported: JSON.parse(opened.value) as unknown }
      }
      const [deliveries, rows] = [deliveryRows.map(open), fileRows.map(open)]
      return contributeExport(
        'ingest',
        request,
        { deliveries, rows },
        { keys, stamp },
      ) as EventOf<'ingest.export.contributed.v1'>[]
    },
  }
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
