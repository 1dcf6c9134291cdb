import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import { splitExport } from '@csr/contracts/events/export-parts'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'

type ExportRequested = EventOf<'privacy.export.requested.v1'>

export interface ContributionStore {
  /** the records that name the person: ids, times and names of what was done */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'audit.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly stamp: () => { readonly id: string; readonly time: string }
}

/** Nobody waits for it, and it reads the whole log: there is no index by person, which every record would pay for. */
const readingMs = 20_000

export function createContributionStore({ postgres, stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { exportId, subjectId } = request.data
      const [rows] = await postgres.group(tenantId, [recordsNaming(subjectId)], { deadlineMs: readingMs })
      const texts = splitExport({
        records: rows.map(({ sequence, leaf }) => ({ sequence, ...(JSON.parse(leaf) as object) })),
      })
      return texts.map((content, index) => {
        const about = { ...stamp(), tenantId, subject: subjectId, causationId: request.id }
        const part = { exportId, subjectId, part: index + 1, parts: texts.length }
        return createEvent('audit.export.contributed.v1', about, { ...part, content })
      })
    },
  }
}

const recordsNaming = (subjectId: string) =>
  statement<{ sequence: number; leaf: string }>(
    `select sequence, leaf from audit.records where strpos(leaf, '"id":"' || $1::uuid || '"') > 0 order by sequence`,
    [subjectId],
  )
