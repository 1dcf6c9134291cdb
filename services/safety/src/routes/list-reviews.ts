import { listReviews } from '@csr/contracts/http/safety'
import { pageOf, positionOf } from '@csr/http/list-page'
import { route, type Route } from '@csr/http/route'
import type { ScreeningStore } from '../store/screening-store.ts'

type Deps = { readonly screenings: Pick<ScreeningStore, 'reviews'> }

export function listReviewsRoute({ screenings }: Deps): Route {
  return route({
    ...listReviews,
    async handle({ principal, query: { cursor, limit } }) {
      const before = positionOf(cursor)?.id ?? null
      const reviews = await screenings.reviews(principal.tenantId, { before, limit: limit + 1 })
      return { status: 200, body: pageOf(reviews, limit, ({ id, requestedAt }) => ({ at: requestedAt, id })) }
    },
  })
}
