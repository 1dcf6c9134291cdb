import { reachOf } from '@csr/contracts/permissions'
import { listProfiles } from '@csr/contracts/http/profile'
import { pageOf, positionOf } from '@csr/http/list-page'
import { route, type Route } from '@csr/http/route'
import type { ProfileStore, ProfileView } from '../store/profile-store.ts'
import type { ReadingStore } from '../store/reading-store.ts'

import { bodyOf } from './profile-body.ts'

type Deps = { readonly profiles: Pick<ProfileStore, 'list' | 'get'>; readonly readings: Pick<ReadingStore, 'record'> }

/** Who may read their own record only gets a list of one. */
export function listProfilesRoute({ profiles, readings }: Deps): Route {
  return route({
    ...listProfiles,
    async handle({ principal, reach, query: { fields, cursor, limit }, requestId }) {
      const { tenantId, roles, subjectId } = principal
      const after = positionOf(cursor)
      const personalReach = reachOf(roles, 'profile:read-personal')
      const personal = fields === 'all' && (personalReach === 'tenant' || personalReach === reach)
      const found =
        reach === 'tenant'
          ? await profiles.list(tenantId, { after, limit: limit + 1 }, { personal })
          : await listOfOne(after === null && subjectId !== null && profiles.get(tenantId, subjectId, { personal }))
      const { items, nextCursor } = pageOf(found, limit, ({ id, createdAt }) => ({ at: createdAt, id }))
      if (personal)
        await readings.record(
          { ...principal, requestId },
          items.map(({ id }) => id),
        )
      return { status: 200, body: { items: items.map(bodyOf), nextCursor } }
    },
  })
}

async function listOfOne(own: false | Promise<ProfileView | null>): Promise<ProfileView[]> {
  const profile = await own
  return profile ? [profile] : []
}
