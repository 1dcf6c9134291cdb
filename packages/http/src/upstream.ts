import type { Readable } from 'node:stream'
import type { Service } from '@csr/contracts/services'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import type { Dispatcher } from 'undici'
import type { z } from 'zod'
import { deadlineDefaultMs, deadlineHeader, requestIdHeader, serviceTokenHeader } from './admit.ts'
import type { UpstreamAnswer } from './exchange.ts'
import { CallerGone, Replica, type Sending } from './replica.ts'
import { createRetryBudget } from './retry-budget.ts'
import type { ServiceTokens } from './service-tokens.ts'

export type { UpstreamAnswer } from './exchange.ts'

/** The other service cannot be reached in time: down, too slow, or too much waits for it already. */
export class UpstreamUnavailable extends Error {
  readonly upstream: Service
  constructor(upstream: Service, why: string, cause?: unknown) {
    super(`${upstream}: ${why}`, cause === undefined ? undefined : { cause })
    this.name = 'UpstreamUnavailable'
    this.upstream = upstream
  }
}

/** The other service answered with a status the caller has no use for. */
export class UpstreamRefused extends Error {
  readonly upstream: Service
  readonly status: number
  constructor(upstream: Service, status: number) {
    super(`${upstream} answered ${status}`)
    this.name = 'UpstreamRefused'
    this.upstream = upstream
    this.status = status
  }
}

export type UpstreamCall = {
  readonly method: Dispatcher.HttpMethod
  /** path and query */
  readonly path: string
  readonly requestId: string
  /** `authorization` header of the caller, passed on as it is */
  readonly authorization?: string | undefined
  /** names and values in turn */
  readonly headers?: readonly string[]
  readonly body?: Buffer | string | Readable | null
  /** milliseconds until nobody waits any more; the upstream's own limit where that is shorter */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

export interface Upstream extends Resource {
  /** Sends one request. Throws `UpstreamUnavailable`; any status the other side answers is an answer. */
  call(call: UpstreamCall): Promise<UpstreamAnswer>
  /** Sends one request and reads a JSON answer of status 2xx; any other status is `UpstreamRefused`. */
  json<Schema extends z.ZodType>(call: UpstreamCall, schema: Schema): Promise<z.output<Schema>>
}

type Options = {
  /** who is called */
  readonly service: Service
  /** where its replicas answer: all are equal, and any of them may come and go */
  readonly urls: readonly string[]
  readonly tokens: Pick<ServiceTokens, 'tokenFor'>
  /** connections to one replica at most */
  readonly connectionsMax?: number
  readonly deadlineMs?: number
  readonly logger: Logger
  readonly telemetry: Telemetry
}

/** Calls that wait for a connection, per connection of one replica: more are refused at once instead of piling up. */
const waitingPerConnection = 8

/**
 * Calls to another service, spread over its replicas: the one with the fewest calls under way among those that are ready.
 * A bulkhead for all of them together; a pool and a breaker for each; a deadline on every call. A call that never reached
 * its replica goes to another one; one whose connection was lost is repeated only where that is harmless, and only as far
 * as the budget goes. No call is ever sent twice at the same time.
 */
export function createUpstream(options: Options): Upstream {
  const { service } = options
  const connections = options.connectionsMax ?? 64
  const replicas = options.urls.map((url) => openReplica(url, connections, options))
  const underWayMax = connections * (replicas.length + waitingPerConnection)
  const failures = options.telemetry.counter('upstream_failures_total', 'Calls that got no answer', ['upstream'])
  const send = createSender(replicas, options)
  let underWay = 0

  async function call(request: UpstreamCall): Promise<UpstreamAnswer> {
    if (underWay >= underWayMax) throw new UpstreamUnavailable(service, 'full')
    underWay += 1
    try {
      return await send(sendingOf(request, options))
    } catch (error) {
      failures.add(1, { upstream: service })
      if (error instanceof UpstreamUnavailable || error instanceof CallerGone) throw error
      throw new UpstreamUnavailable(service, reasonOf(error), error)
    } finally {
      underWay -= 1
    }
  }

  return {
    name: `upstream ${service}`,
    call,
    async json(request, schema) {
      const { status, body } = await call(request)
      const bytes = Buffer.isBuffer(body) ? body : Buffer.concat(await body.toArray())
      if (status < 200 || status > 299) throw new UpstreamRefused(service, status)
      return schema.parse(JSON.parse(bytes.toString('utf8')))
    },
    async start() {
      if (replicas.length > 1) for (const replica of replicas) replica.watch()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()))
    },
  }
}

function openReplica(url: string, connections: number, { service, logger }: Options): Replica {
  return new Replica({
    url,
    connections,
    onBreaker: (state) =>
      state === 'open'
        ? logger.warn('upstream-open', { upstream: service })
        : logger.info('upstream-closed', { upstream: service }),
  })
}

/** Sends to one replica after the other, as far as that is safe, until one answers. */
function createSender(replicas: readonly Replica[], options: Options): (sending: Sending) => Promise<UpstreamAnswer> {
  const { service, telemetry } = options
  const retries = telemetry.counter('upstream_retries_total', 'Calls that were sent again', ['upstream'])
  const budget = createRetryBudget()
  const choose = createChoice(replicas)

  /** Where a call that failed may go next, or null. */
  function next(sending: Sending, error: unknown, tried: readonly Replica[]): Replica | null {
    if (neverReached.has(codeOf(error))) return choose(tried)
    if (!isSafe(sending) || !lostConnection.has(codeOf(error)) || tried.length > 1 || !budget.spend()) return null
    return choose(tried) ?? tried[0] ?? null
  }

  return async (sending) => {
    budget.earn()
    const tried: Replica[] = []
    let replica = choose(tried)
    if (replica === null) throw new UpstreamUnavailable(service, 'not answering')
    for (;;) {
      try {
        const answer = await replica.send(sending)
        if (answer.status === 503) void replica.ask()
        return answer
      } catch (error) {
        if (neverReached.has(codeOf(error)) && replicas.length > 1) replica.giveUp()
        tried.push(replica)
        replica = next(sending, error, tried)
        if (replica === null) throw error
        retries.add(1, { upstream: service })
      }
    }
  }
}

/**
 * Chooses among those not tried yet: ready before not ready, then the fewest calls under way, then in turn. Where none is
 * ready all count alike, because what readiness misses may not be what the call needs. Null where every breaker is open.
 */
function createChoice(replicas: readonly Replica[]): (tried: readonly Replica[]) => Replica | null {
  const [only] = replicas
  if (only && replicas.length === 1) return (tried) => (tried.length === 0 && only.isUsable ? only : null)
  let turn = 0
  return (tried) => {
    turn = (turn + 1) % replicas.length
    let best: Replica | null = null
    for (const replica of [...replicas.slice(turn), ...replicas.slice(0, turn)]) {
      if (replica.isUsable && !tried.includes(replica) && (best === null || isBetter(replica, best))) best = replica
    }
    return best
  }
}

function isBetter(one: Replica, other: Replica): boolean {
  return one.isReady === other.isReady ? one.underWay < other.underWay : one.isReady
}

function sendingOf(request: UpstreamCall, { service, tokens, deadlineMs }: Options): Sending {
  const { method, path, body = null, signal } = request
  const waitsMs = Math.min(request.deadlineMs ?? deadlineDefaultMs, deadlineMs ?? Number.POSITIVE_INFINITY)
  return {
    ...{ method, path, body, signal },
    headers: (leftMs) => headersOf(request, tokens.tokenFor(service), leftMs),
    deadlineAtMs: performance.now() + waitsMs,
  }
}

function headersOf(request: UpstreamCall, token: string, leftMs: number): string[] {
  const headers = [serviceTokenHeader, token, requestIdHeader, request.requestId]
  headers.push(deadlineHeader, String(Math.ceil(leftMs)))
  if (request.authorization) headers.push('authorization', request.authorization)
  if (request.headers) headers.push(...request.headers)
  return headers
}

/** The connection was never there: not a byte of the call was read. */
const neverReached: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'],
])
/** The connection was there: an idle one may be closed while the call is on its way, and nobody knows what was read. */
const lostConnection: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const isSafe = ({ method }: Sending): boolean => method === 'GET' || method === 'HEAD'

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : ''
}

function reasonOf(error: unknown): string {
  const code = codeOf(error)
  return code === 'EOPENBREAKER' ? 'not answering' : code || 'no answer'
}
