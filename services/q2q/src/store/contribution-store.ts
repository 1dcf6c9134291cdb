import type { SealedText } from '@csr/contracts/events/envelope'
import { createContributions, type ContributionDeps, type Contributions } from '@csr/keyring/contribute-export'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'

type Deps = ContributionDeps & { readonly postgres: Pick<Postgres, 'group'> }

type OutcomeRow = {
  readonly id: string
  readonly textSealed: SealedText | null
  readonly evidenceSealed: SealedText | null
} & Readonly<Record<string, unknown>>

export function createContributionStore({ postgres, keyring, stamp }: Deps): Contributions<'q2q'> {
  return createContributions('q2q', {
    keyring,
    stamp,
    async read(tenantId, subjectId, keys) {
      const [rows] = await postgres.group(tenantId, [outcomesOf(subjectId)])
      const open = (sealed: SealedText | null, field: string, row: string): string | null =>
        sealed === null ? null : keys.read(sealed, { field, row })
      const outcomes = rows.map(({ textSealed, evidenceSealed, ...outcome }) => ({
        ...outcome,
        text: open(textSealed, 'q2q.outcomes.text_sealed', outcome.id),
        evidence: JSON.parse(open(evidenceSealed, 'q2q.outcomes.evidence_sealed', outcome.id) ?? '[]') as unknown,
      }))
      return { outcomes }
    },
  })
}

const outcomesOf = (subjectId: string) =>
  statement<OutcomeRow>(
    `select id, activity_id as "activityId", withheld, labels, confidence, belonging, language_level as "languageLevel",
       job_readiness as "jobReadiness", well_being as "wellBeing", language, model, version, rubric, policy,
       scored_at as "scoredAt", text_sealed as "textSealed", evidence_sealed as "evidenceSealed"
     from q2q.outcomes where subject_id = $1::uuid order by scored_at, id`,
    [subjectId],
  )
