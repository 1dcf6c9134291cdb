import type { IncomingHttpHeaders } from 'node:http'
import type { Reach } from '@csr/contracts/permissions'
import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Entry } from './admit.ts'
import { ProblemError } from './problem.ts'
import type { Principal, Route, RouteRequest } from './route.ts'

/** Turns a route's function into a Fastify handler. */
export function toHandler(
  route: Route,
  clock: Clock,
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  const { mediaTypes } = route
  return async (request, reply) => {
    if (mediaTypes && !mediaTypes.includes(mediaTypeOf(request))) throw new ProblemError('media-type-unsupported')
    const { status, body, headers } = await route.handle(new Call(request, clock))
    if (!route.passesThrough && !(status in route.answers)) throw new Error(`${route.path} answered ${status}`)
    reply.code(status)
    if (headers) reply.headers(headers as Record<string, string | string[]>)
    return reply.send(body)
  }
}

function mediaTypeOf(request: FastifyRequest): string {
  const given = request.headers['content-type'] ?? ''
  const end = given.indexOf(';')
  return (end === -1 ? given : given.slice(0, end)).trim().toLowerCase()
}

/** A request as routes see it: getters, so that what a route does not ask for costs nothing. */
class Call implements RouteRequest {
  readonly #request: FastifyRequest
  readonly #entry: Entry
  readonly #clock: Clock

  constructor(request: FastifyRequest, clock: Clock) {
    this.#request = request
    this.#entry = request.entry
    this.#clock = clock
  }

  get params(): unknown {
    return this.#request.params
  }
  get query(): unknown {
    return this.#request.query
  }
  get body(): unknown {
    return this.#request.body
  }
  get principal(): Principal | null {
    return this.#entry.principal
  }
  get reach(): Reach | null {
    return this.#entry.reach
  }
  get caller(): Service | null {
    return this.#entry.caller
  }
  get headers(): IncomingHttpHeaders {
    return this.#request.headers
  }
  get target(): string {
    return this.#request.url
  }
  get requestId(): string {
    return this.#entry.requestId
  }
  get clientAddress(): string {
    return this.#request.socket.remoteAddress ?? ''
  }
  get deadlineMs(): number {
    return Math.max(0, this.#entry.deadlineAtMs - this.#clock.nowMs())
  }
  get signal(): AbortSignal {
    return this.#request.signal
  }
}
