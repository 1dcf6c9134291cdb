import type { SealedText } from '@csr/contracts/events/envelope'
import { createContributions, type ContributionDeps, type Contributions } from '@csr/keyring/contribute-export'
import type { Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'

type Deps = ContributionDeps & { readonly postgres: Pick<Postgres, 'group'> }

type ReviewRow = { readonly id: string; readonly textSealed: SealedText } & Readonly<Record<string, unknown>>

export function createContributionStore({ postgres, keyring, stamp }: Deps): Contributions<'safety'> {
  return createContributions('safety', {
    keyring,
    stamp,
    async read(tenantId, subjectId, keys) {
      const [screenings, rows] = await postgres.group(tenantId, [screeningsOf(subjectId), reviewsOf(subjectId)])
      const reviews = rows.map(({ textSealed, ...review }) => ({
        ...review,
        text: keys.read(textSealed, { field: 'safety.reviews.text_sealed', row: review.id }),
      }))
      return { screenings, reviews }
    },
  })
}

const screeningsOf = (subjectId: string) =>
  statement<Record<string, unknown>>(
    `select id, activity_id as "activityId", verdict, reasons, policy, screened_at as "screenedAt"
     from safety.screenings where author_id = $1::uuid order by id`,
    [subjectId],
  )

const reviewsOf = (subjectId: string) =>
  statement<ReviewRow>(
    `select id, activity_id as "activityId", categories, urgency, state, requested_at as "requestedAt", text_sealed as "textSealed"
     from safety.reviews where author_id = $1::uuid order by id`,
    [subjectId],
  )
