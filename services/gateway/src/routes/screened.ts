import { Readable } from 'node:stream'
import { parseJson } from '@csr/http/json'
import { ProblemError } from '@csr/http/problem'
import type { Route } from '@csr/http/route'
import type { Described, Firewall, Parts, Screening } from '../firewall/firewall.ts'
import type { Observer } from '../firewall/observe.ts'

type Deps = { readonly firewall: Firewall; readonly observer: Observer }

/**
 * A forwarded route with the firewall in front of it: free text that looks like an attack is refused before a service
 * sees it. What arrives as bytes (signed webhooks, files) is observed only: nobody is refused for the words of others.
 */
export function screened(route: Route, operation: Described, { firewall, observer }: Deps): Route {
  const screening = firewall.screening(operation)
  const passesBytes = typeof operation.body === 'string'
  return {
    ...route,
    async handle(request) {
      const { params, query, body } = request
      if (body instanceof Readable) observer.stream(screening.route, body)
      else if (passesBytes && Buffer.isBuffer(body)) observer.bytes(screening.route, body)
      else await refuse(screening, { params, query, body: Buffer.isBuffer(body) ? parseJson(body) : body })
      return await route.handle(request)
    },
  }
}

/** The same for a route of the gateway's own: its schema has parsed the body, and parameters go no further. */
export function screenedBody(route: Route, { firewall }: Deps): Route {
  const { method, path, body } = route
  if (body === undefined || typeof body === 'string') return route
  const screening = firewall.screening({ method, path, body })
  return {
    ...route,
    async handle(request) {
      await refuse(screening, { params: {}, query: {}, body: request.body })
      return await route.handle(request)
    },
  }
}

/** Throws where the request is refused. Small requests are judged at once, without waiting. */
function refuse(screening: Screening, parts: Parts): Promise<void> | undefined {
  const met = screening.screen(parts)
  if (met instanceof Promise) return met.then(refuseFor)
  refuseFor(met)
}

function refuseFor(reasons: readonly string[]): void {
  if (reasons.length > 0) throw new ProblemError('request-refused', { reasons })
}
