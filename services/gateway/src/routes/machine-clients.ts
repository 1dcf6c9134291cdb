import { createMachineClient, listMachineClients, removeMachineClient } from '@csr/contracts/http/tokens'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { MachineClientStore, NewClient } from '../store/machine-client-store.ts'
import { assertAdministrator } from './administrator.ts'

type Deps = { readonly clients: Pick<MachineClientStore, 'create' | 'list' | 'remove'> }

export function createMachineClientRoute({ clients }: Deps): Route {
  return route({
    ...createMachineClient,
    async handle({ body, principal, requestId, once }) {
      assertAdministrator(principal)
      const { tenantId, actorId } = principal
      const { name, role, publicKeys = null } = body
      const answerOf = (made: NewClient) =>
        ({ status: 201, body: made, headers: { 'cache-control': 'no-store' } }) as const
      const wanted = { tenantId, name, role, publicKeys, actorId, requestId }
      return answerOf(await clients.create(wanted, (made) => once.keep(answerOf(made))))
    },
  })
}

export function listMachineClientsRoute({ clients }: Deps): Route {
  return route({
    ...listMachineClients,
    async handle({ principal }) {
      assertAdministrator(principal)
      return { status: 200, body: { items: [...(await clients.list(principal.tenantId))] } }
    },
  })
}

export function removeMachineClientRoute({ clients }: Deps): Route {
  return route({
    ...removeMachineClient,
    async handle({ params: { id }, principal, requestId }) {
      assertAdministrator(principal)
      const { tenantId, actorId } = principal
      if (!(await clients.remove(tenantId, id, { actorId, requestId }))) throw new ProblemError('resource-not-found')
      return { status: 204 }
    },
  })
}
