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
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'safety.export.contributed.v1'>[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly stamp: Stamp
}

type ReviewRow = { readonly id: string; readonly textSealed: SealedText } & Readonly<Record<string, unknown>>

export function createContributionStore({ postgres, keyring, stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const [screenings, reviews] = await postgres.group(tenantId, [screeningsOf(subjectId), reviewsOf(subjectId)])
      const opened = reviews.map(({ textSealed, ...review }) => {
        const text = keys.open(textSealed, { field: 'safety.reviews.text_sealed', row: review.id })
        if (text.state !== 'value') throw new KeyringUnavailable('the key of the person is missing')
        return { ...review, text: text.value }
      })
      return contributeExport(
        'safety',
        request,
        { screenings, reviews: opened },
        { keys, stamp },
      ) as EventOf<'safety.export.contributed.v1'>[]
    },
  }
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
