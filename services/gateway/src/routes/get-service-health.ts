import { getServiceHealth, serviceHealth, type ServiceHealth } from '@csr/contracts/http/gateway'
import type { Service } from '@csr/contracts/services'
import { route, type Route } from '@csr/http/route'
import type { Upstream } from '@csr/http/upstream'
import type { Health } from '@csr/runtime/lifecycle'

type Deps = {
  readonly health: Pick<Health, 'readiness'>
  readonly upstreams: Readonly<Record<Exclude<Service, 'gateway'>, Pick<Upstream, 'json'>>>
}

/** What a service says about itself; one that does not answer is a 503. */
export function getServiceHealthRoute(service: Service, { health, upstreams }: Deps): Route {
  return route({
    ...getServiceHealth(service),
    async handle({ requestId, deadlineMs }) {
      if (service === 'gateway') return { status: 200, body: describeOwn(health) }
      const call = { method: 'GET', path: '/health', requestId, deadlineMs } as const
      return { status: 200, body: await upstreams[service].json(call, serviceHealth) }
    },
  })
}

function describeOwn(health: Deps['health']): ServiceHealth {
  const { ready, missing } = health.readiness()
  return { service: 'gateway', status: ready ? 'ready' : 'not-ready', missing }
}
