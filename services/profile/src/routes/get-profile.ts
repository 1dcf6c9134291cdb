import { getProfile } from '@csr/contracts/http/profile'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { reaches } from '../domain/visible-subjects.ts'
import type { ProfileStore } from '../store/profile-store.ts'
import type { ReadingStore } from '../store/reading-store.ts'
import { bodyOf } from './profile-body.ts'

type Deps = { readonly profiles: Pick<ProfileStore, 'get'>; readonly readings: Pick<ReadingStore, 'record'> }

export function getProfileRoute({ profiles, readings }: Deps): Route {
  return route({
    ...getProfile,
    async handle({ principal, params: { id }, query: { fields }, requestId }) {
      if (!reaches(principal, 'profile:read', id)) throw new ProblemError('resource-not-found')
      const personal = fields === 'all' && reaches(principal, 'profile:read-personal', id)
      const profile = await profiles.get(principal.tenantId, id, { personal })
      if (!profile) throw new ProblemError('resource-not-found')
      if (personal) await readings.record({ ...principal, requestId }, [profile.id])
      return { status: 200, body: bodyOf(profile) }
    },
  })
}
