import {
  closeOwnTenant,
  closeTenant,
  getOwnTenant,
  getTenant,
  keepOwnTenant,
  keepTenant,
  resumeTenant,
  suspendTenant,
  type TenantDetail,
} from '@csr/contracts/http/tenants'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Clock } from '@csr/runtime/clock'
import { judgeWish, type Wish } from '../domain/tenant-life.ts'
import type { TenantLifeStore } from '../store/tenant-life-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'
import { administered } from './administrator.ts'

type Deps = {
  readonly tenants: Pick<TenantStore, 'find'>
  readonly life: Pick<TenantLifeStore, 'suspend' | 'resume' | 'close' | 'keep'>
  /** read again after a change, so that it counts here at once and elsewhere within 10 s */
  readonly trust: Pick<TokenTrust, 'reread'>
  readonly clock: Clock
  /** the waiting time of a closure unless an operator says otherwise */
  readonly closureDays: number
}

type Asked = { readonly principal: { readonly actorId: string }; readonly requestId: string }
type Closing = { readonly waitDays?: number | undefined; readonly dryRun: string }

/** What becomes of a tenant. A wish that is met already is answered with what is, and leaves no second record. */
export function tenantLifeRoutes(deps: Deps): Route[] {
  const { life } = deps

  async function close(id: string, asked: Asked, { waitDays = deps.closureDays, dryRun }: Closing) {
    const closesAt = new Date(deps.clock.nowMs() + waitDays * dayMs).toISOString()
    if (dryRun === 'false')
      return await bringAbout(deps, { id, wish: 'close' }, () => life.close({ ...by(id, asked), closesAt }))
    const found = await findTenant(deps, id)
    return answer(judgeWish(found, 'close') === 'act' ? { ...found, closesAt } : found)
  }

  const keep = (id: string, asked: Asked) => bringAbout(deps, { id, wish: 'keep' }, () => life.keep(by(id, asked)))

  return [
    route({ ...getTenant, handle: async ({ params }) => answer(await findTenant(deps, params.id)) }),
    route({
      ...suspendTenant,
      handle: (request) => {
        const { id } = request.params
        const { reason } = request.body
        return bringAbout(deps, { id, wish: 'suspend' }, () => life.suspend({ ...by(id, request), reason }))
      },
    }),
    route({
      ...resumeTenant,
      handle: (request) => {
        const { id } = request.params
        return bringAbout(deps, { id, wish: 'resume' }, () => life.resume(by(id, request)))
      },
    }),
    route({
      ...closeTenant,
      handle: (request) => close(request.params.id, request, { ...request.body, ...request.query }),
    }),
    route({ ...keepTenant, handle: (request) => keep(request.params.id, request) }),
    route({
      ...getOwnTenant,
      handle: async ({ principal }) => answer(await findTenant(deps, administered(principal))),
    }),
    route({
      ...closeOwnTenant,
      handle: async (request) => await close(administered(request.principal), request, request.query),
    }),
    route({ ...keepOwnTenant, handle: async (request) => await keep(administered(request.principal), request) }),
  ]
}

const dayMs = 86_400_000
/** Somebody else may act in between, but not for ever. */
const triesMost = 3

const answer = (tenant: TenantDetail) => ({ status: 200, body: tenant }) as const

const by = (tenantId: string, { principal, requestId }: Asked) => ({ tenantId, actorId: principal.actorId, requestId })

async function findTenant({ tenants }: Pick<Deps, 'tenants'>, id: string): Promise<TenantDetail> {
  const found = await tenants.find(id)
  if (!found) throw new ProblemError('resource-not-found')
  return found
}

type Wanted = { readonly id: string; readonly wish: Wish }

async function bringAbout(deps: Deps, { id, wish }: Wanted, act: () => Promise<boolean>) {
  for (let tries = 0; tries < triesMost; tries += 1) {
    const found = await findTenant(deps, id)
    const judged = judgeWish(found, wish)
    if (judged === 'too-late') throw new ProblemError('state-conflict', { detail: 'The tenant is closed.' })
    if (judged === 'met') return answer(found)
    if (await act()) {
      await deps.trust.reread()
      return answer(await findTenant(deps, id))
    }
  }
  throw new ProblemError('state-conflict', { detail: 'Others are changing the tenant at the same time.' })
}
