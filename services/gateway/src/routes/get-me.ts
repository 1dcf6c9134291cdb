import { getMe } from '@csr/contracts/http/gateway'
import { Permission, reachOf } from '@csr/contracts/permissions'
import { route, type Route } from '@csr/http/route'

export function getMeRoute(): Route {
  return route({
    ...getMe,
    async handle({ principal }) {
      const { actorId, tenantId, subjectId, roles } = principal
      const permissions = Object.values(Permission).flatMap((permission) => {
        const reach = reachOf(roles, permission)
        return reach ? [{ permission, reach }] : []
      })
      return { status: 200, body: { actorId, tenantId, subjectId, roles: [...roles], permissions } }
    },
  })
}
