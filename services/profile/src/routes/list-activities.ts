import { listActivities } from '@csr/contracts/http/profile'
import { pageOf, positionOf } from '@csr/http/list-page'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { reaches } from '../domain/visible-subjects.ts'
import type { ActivityView, ProfileStore } from '../store/profile-store.ts'

type Deps = { readonly profiles: Pick<ProfileStore, 'activities'> }

export function listActivitiesRoute({ profiles }: Deps): Route {
  return route({
    ...listActivities,
    async handle({ principal, params: { id }, query: { cursor, limit } }) {
      if (!reaches(principal, 'profile:read', id)) throw new ProblemError('resource-not-found')
      const after = positionOf(cursor)
      const found = await profiles.activities(principal.tenantId, id, { after, limit: limit + 1 })
      if (!found) throw new ProblemError('resource-not-found')
      const { items, nextCursor } = pageOf(found, limit, (activity) => ({ at: activity.occurredAt, id: activity.id }))
      return { status: 200, body: { items: items.map(bodyOf), nextCursor } }
    },
  })
}

function bodyOf({ id, kind, partner, sourceId, role, occurredAt, details, outcome }: ActivityView) {
  return { id, kind, partner, sourceId, role, occurredAt, details: { ...details }, outcome }
}
