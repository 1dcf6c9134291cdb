import { getMe } from '@csr/contracts/http/gateway'
import { Permission, reachOf } from '@csr/contracts/permissions'
import { route, type Route } from '@csr/http/route'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import type { CrossSiteCheck } from '../sessions/cross-site.ts'

type Deps = { readonly cookies: Pick<Cookies, 'read'>; readonly crossSite: Pick<CrossSiteCheck, 'tokenOf'> }

export function getMeRoute({ cookies, crossSite }: Deps): Route {
  return route({
    ...getMe,
    async handle({ principal, headers }) {
      const { actorId, tenantId, subjectId, roles, sessionId, signedInAtMs } = principal
      const permissions = Object.values(Permission).flatMap((permission) => {
        const reach = reachOf(roles, permission)
        return reach ? [{ permission, reach }] : []
      })
      const secret = cookies.read(headers.cookie, CookieName.session)
      const signedInAt = signedInAtMs === null ? null : new Date(signedInAtMs).toISOString()
      const csrfToken = secret === null ? null : crossSite.tokenOf(secret)
      return {
        status: 200,
        body: { actorId, tenantId, subjectId, roles: [...roles], permissions, sessionId, signedInAt, csrfToken },
      }
    },
  })
}
