import type { IncomingHttpHeaders } from 'node:http'
import type { Reach } from '@csr/contracts/permissions'
import { reachOf } from '@csr/contracts/permissions'
import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientAddressOf, type TrustedProxies } from './client-address.ts'
import { countOpen, type Counted, type Limits } from './limits.ts'
import { ProblemError } from './problem.ts'
import type { Principal, Route } from './route.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** `edge`: outsiders call, with access tokens. `service`: services call, with service tokens and the caller's access token. */
export type Door = 'edge' | 'service'

/** What is known of a request beside its bytes. */
export type Entry = {
  requestId: string
  /** pattern of the route, never the path as sent */
  route: string
  caller: Service | null
  principal: Principal | null
  reach: Reach | null
  /** by the clock port: nobody waits for an answer after this */
  deadlineAtMs: number
  /** the client's, behind proxies that are trusted */
  clientAddress: string
  /** a webhook's place in the count of its endpoint */
  counted: Counted | null
  /** SHA-256 of a body that was read whole, where the request bears an Idempotency-Key */
  bodyDigest: Uint8Array | null
}

declare module 'fastify' {
  interface FastifyRequest {
    entry: Entry
  }
}

/** Header of a service's own token, beside `authorization`, which carries the caller's. */
export const serviceTokenHeader = 'x-service-token'
/** Milliseconds the caller still waits; believed from services only. */
export const deadlineHeader = 'x-deadline-ms'
/** Believed from services only. */
export const requestIdHeader = 'x-request-id'

/** Nobody waits longer for an answer, unless a route says otherwise. */
export const deadlineDefaultMs = 2_500
/** The same where a body is streamed: an upload takes as long as it takes. */
const deadlineStreamingMs = 900_000

const requestIdForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const bearerForm = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i

export function openEntry(request: FastifyRequest, clock: Clock, ids: Ids, proxies?: TrustedProxies): void {
  request.entry = {
    requestId: ids.uuid(),
    route: 'unknown',
    caller: null,
    principal: null,
    reach: null,
    deadlineAtMs: clock.nowMs() + deadlineDefaultMs,
    clientAddress: clientAddressOf(request.raw, proxies),
    counted: null,
    bodyDigest: null,
  }
}

/** Where browsers call: a session's cookie stands for an access token. */
export interface EdgeSessions {
  /** null where the request has no session cookie; throws `token-invalid` and `cross-site-refused` */
  accessToken(request: { readonly method: string; readonly headers: IncomingHttpHeaders }): Promise<string | null>
}

type Deps = {
  readonly door: Door
  readonly tokens: TokenVerifier
  readonly sessions?: EdgeSessions | undefined
  readonly limits?: Limits | undefined
  readonly clock: Clock
}

/** The check in front of a route, before its body is read: framing, then who calls, then what they may. */
export function admit(route: Route, deps: Deps): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const { door, clock, limits } = deps
  const ownDeadlineMs = route.deadlineMs ?? (route.body === 'stream' ? deadlineStreamingMs : deadlineDefaultMs)
  return async (request, reply) => {
    const { entry, headers } = request
    entry.route = route.path
    entry.deadlineAtMs = clock.nowMs() + ownDeadlineMs
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') throw new ProblemError('media-type-unsupported')
    if (door === 'service') await admitService(request, route, deps)
    if (route.permission === 'public') return await countOpen(route, request, reply, limits)
    const principal = await identify(request, deps)
    entry.principal = principal
    if (limits && route.limit !== 'none') {
      const { tenantId, actorId } = principal
      reply.headers((await limits.take('user', `${tenantId}/${actorId}`)).headers)
    }
    const stop = deps.tokens.stopOf(principal.tenantId)
    if (stop) throw new ProblemError(`tenant-${stop}`)
    if (route.fresh && !isFresh(principal, clock.nowMs())) throw notFresh()
    if (route.permission === 'signed-in') return
    entry.reach = reachOf(principal.roles, route.permission)
    if (entry.reach === null) throw new ProblemError('permission-denied')
  }
}

/** Who calls, by the access token. Tokens that are not accepted count for the client. */
async function identify(request: FastifyRequest, deps: Deps): Promise<Principal> {
  try {
    await exchangeCookie(request, deps)
    const bearer = request.headers.authorization
    if (bearer === undefined) throw new ProblemError('token-missing')
    const token = bearerForm.exec(bearer)?.[1]
    if (!token) throw new ProblemError('token-invalid')
    return await deps.tokens.verifyAccess(token)
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) {
      await deps.limits?.take('anonymous', request.entry.clientAddress)
    }
    throw error
  }
}

/** From here on the request is one with an access token, for this process and for those it is passed on to. */
async function exchangeCookie(request: FastifyRequest, { sessions }: Deps): Promise<void> {
  const { headers, method } = request
  if (!sessions || headers.authorization !== undefined) return
  const token = await sessions.accessToken({ method, headers })
  if (token !== null) headers.authorization = `Bearer ${token}`
}

/** A sign-in counts as fresh this long. */
const freshForMs = 15 * 60_000

function isFresh({ signedInAtMs }: Principal, nowMs: number): boolean {
  return signedInAtMs !== null && nowMs - signedInAtMs <= freshForMs
}

/** RFC 9470: what a client must ask for to get further. */
function notFresh(): ProblemError {
  const challenge = `Bearer error="insufficient_user_authentication", max_age=${freshForMs / 1_000}`
  return new ProblemError('sign-in-not-fresh', { headers: { 'www-authenticate': challenge } })
}

/** A route answers the gateway; another caller is named by the operation, or it is nobody's. */
const callersUnlessTold: readonly Service[] = ['gateway']

async function admitService(request: FastifyRequest, route: Route, deps: Deps): Promise<void> {
  const { entry, headers } = request
  const token = headers[serviceTokenHeader]
  if (typeof token !== 'string') throw new ProblemError('service-token-invalid')
  const caller = await deps.tokens.verifyService(token)
  if (!(route.callers ?? callersUnlessTold).includes(caller)) throw new ProblemError('service-token-invalid')
  entry.caller = caller
  const requestId = headers[requestIdHeader]
  if (typeof requestId === 'string' && requestIdForm.test(requestId)) entry.requestId = requestId
  const leftMs = Number(headers[deadlineHeader])
  if (leftMs > 0) entry.deadlineAtMs = Math.min(entry.deadlineAtMs, deps.clock.nowMs() + leftMs)
}
