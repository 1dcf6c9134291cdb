import { searchProfiles } from '@csr/contracts/http/profile'
import { route, type Route } from '@csr/http/route'
import { reaches } from '../domain/visible-subjects.ts'
import type { ProfileStore } from '../store/profile-store.ts'
import type { ReadingStore } from '../store/reading-store.ts'
import { bodyOf } from './profile-body.ts'

type Deps = { readonly profiles: Pick<ProfileStore, 'findByEmail'>; readonly readings: Pick<ReadingStore, 'record'> }

/** An address never stands in a URL, so that no log on the way holds one. */
export function searchProfilesRoute({ profiles, readings }: Deps): Route {
  return route({
    ...searchProfiles,
    async handle({ principal, body: { email }, requestId }) {
      const found = await profiles.findByEmail(principal.tenantId, email)
      if (!found || !reaches(principal, 'profile:read-personal', found.id)) return { status: 200, body: { items: [] } }
      await readings.record({ ...principal, requestId }, [found.id])
      return { status: 200, body: { items: [bodyOf(found)] } }
    },
  })
}
