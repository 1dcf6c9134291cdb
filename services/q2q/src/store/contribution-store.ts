import type { EventOf } from '@csr/contracts/events/catalog'
import type { SealedText } from '@csr/contracts/events/envelope'
import { contributeExport } from '@csr/keyring/contribute-export'
import { KeyringUnavailable } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'

type ExportRequested = EventOf<'privacy.export.requested.v1'>
type Stamp = () => { readonly id: string; readonly time: string }

export interface ContributionStore {
  /** what this service holds about the person, as events to publish; none where the person is erased */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'q2q.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly stamp: Stamp
}

type OutcomeRow = {
  readonly id: string
  readonly textSealed: SealedText | null
  readonly evidenceSealed: SealedText | null
} & Readonly<Record<string, unknown>>

export function createContributionStore({ postgres, keyring, stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const [rows] = await postgres.group(tenantId, [outcomesOf(subjectId)])
      const open = (sealed: SealedText | null, field: string, row: string): string | null => {
        if (sealed === null) return null
        const opened = keys.open(sealed, { field, row })
        if (opened.state !== 'value') throw new KeyringUnavailable('the key of the person is missing')
        return opened.value
      }
      const outcomes = rows.map(({ textSealed, evidenceSealed, ...outcome }) => ({
        ...outcome,
        text: open(textSealed, 'q2q.outcomes.text_sealed', outcome.id),
        evidence: JSON.parse(open(evidenceSealed, 'q2q.outcomes.evidence_sealed', outcome.id) ?? '[]') as unknown,
      }))
      return contributeExport('q2q', request, { outcomes }, { keys, stamp }) as EventOf<'q2q.export.contributed.v1'>[]
    },
  }
}

const outcomesOf = (subjectId: string) =>
  statement<OutcomeRow>(
    `select id, activity_id as "activityId", withheld, labels, confidence, belonging, language_level as "languageLevel",
       job_readiness as "jobReadiness", well_being as "wellBeing", language, model, version, rubric, policy,
       scored_at as "scoredAt", text_sealed as "textSealed", evidence_sealed as "evidenceSealed"
     from q2q.outcomes where subject_id = $1::uuid order by scored_at, id`,
    [subjectId],
  )
