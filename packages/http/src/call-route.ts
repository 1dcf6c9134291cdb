import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { takesIdempotencyKey } from '@csr/contracts/http/operation'
import type { Reach } from '@csr/contracts/permissions'
import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Entry } from './admit.ts'
import { answerOnce } from './idempotency/answer-once.ts'
import { readIdempotencyKey } from './idempotency/idempotency-key.ts'
import type { AnswerKeeper } from './idempotency/keep-answers.ts'
import { unkeyed, type Once } from './idempotency/once.ts'
import { countWrongSignature, type Limits } from './limits.ts'
import { ProblemError } from './problem.ts'
import type { Principal, Route, RouteAnswer, RouteRequest } from './route.ts'

type Surroundings = {
  readonly clock: Clock
  readonly answers?: AnswerKeeper | undefined
  readonly limits?: Limits | undefined
}

/** Turns a route's function into a Fastify handler. */
export function toHandler(
  route: Route,
  { clock, answers, limits }: Surroundings,
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  const { mediaTypes } = route
  const streams = route.body === 'stream'
  const keyed = takesIdempotencyKey(route)
  return async (request, reply) => {
    if (mediaTypes && !mediaTypes.includes(mediaTypeOf(request))) throw new ProblemError('media-type-unsupported')
    const call = new Call(request, reply, clock)
    const key = keyed ? readIdempotencyKey(request.headers) : null
    const answering =
      key === null || route.passesThrough || !answers ? route.handle(call) : call.answerOnce(route, key, answers)
    const { status, body, headers } = await (streams ? answering.finally(() => dropUnread(request, reply)) : answering)
    if (!route.passesThrough && !(status in route.answers)) throw new Error(`${route.path} answered ${status}`)
    if (status === 401) await countWrongSignature(request.entry, limits)
    reply.code(status)
    if (headers) reply.headers(headers as Record<string, string | string[]>)
    return reply.send(body)
  }
}

/** Once a route is done nobody reads the rest of a streamed body; the connection cannot carry another request then. */
function dropUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (request.body instanceof Readable) request.body.destroy()
  if (!request.raw.complete) reply.header('connection', 'close')
}

function mediaTypeOf(request: FastifyRequest): string {
  const given = request.headers['content-type'] ?? ''
  const end = given.indexOf(';')
  return (end === -1 ? given : given.slice(0, end)).trim().toLowerCase()
}

/** A request as routes see it: getters, so that what a route does not ask for costs nothing. */
class Call implements RouteRequest {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #entry: Entry
  readonly #clock: Clock
  #signal: AbortSignal | undefined
  #body: unknown
  once: Once = unkeyed

  constructor(request: FastifyRequest, reply: FastifyReply, clock: Clock) {
    this.#request = request
    this.#reply = reply
    this.#entry = request.entry
    this.#clock = clock
    this.#body = request.body
  }

  /** Runs the route under its key; a caller without a principal has no keys. */
  answerOnce(route: Route, key: string, answers: AnswerKeeper): Promise<RouteAnswer> {
    const { principal, bodyDigest } = this.#entry
    if (principal === null) return route.handle(this)
    const digest = route.body === 'stream' ? null : (bodyDigest ?? emptyDigest)
    return answerOnce(answers, { route, request: this, principal, key, bodyDigest: digest }, ({ once, body }) => {
      this.once = once
      this.#body = body
      return route.handle(this)
    })
  }

  get params(): unknown {
    return this.#request.params
  }
  get query(): unknown {
    return this.#request.query
  }
  get body(): unknown {
    return this.#body
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
    return this.#entry.clientAddress
  }
  get deadlineMs(): number {
    return Math.max(0, this.#entry.deadlineAtMs - this.#clock.nowMs())
  }
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#reply)
    return this.#signal
  }
}

const emptyDigest: Uint8Array = createHash('sha256').digest()

/** The request's own `close` comes as soon as its body is read; only an answer that could not be finished tells more. */
function signalOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}
