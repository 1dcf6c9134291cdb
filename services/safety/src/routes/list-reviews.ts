import { listReviews } from '@csr/contracts/http/safety'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { ScreeningStore } from '../store/screening-store.ts'

type Deps = { readonly screenings: Pick<ScreeningStore, 'reviews'> }

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function listReviewsRoute({ screenings }: Deps): Route {
  return route({
    ...listReviews,
    async handle({ principal, query: { cursor, limit } }) {
      if (cursor !== undefined && !uuidForm.test(cursor)) {
        throw new ProblemError('parameter-invalid', {
          errors: [{ pointer: 'parameter:cursor', detail: 'is no cursor of this list' }],
        })
      }
      const reviews = await screenings.reviews(principal.tenantId, { before: cursor ?? null, limit: limit + 1 })
      const items = reviews.slice(0, limit)
      return { status: 200, body: { items, nextCursor: reviews.length > limit ? (items.at(-1)?.id ?? null) : null } }
    },
  })
}
