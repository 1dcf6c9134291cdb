import type { Readable } from 'node:stream'
import type { Service } from '@csr/contracts/services'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import CircuitBreaker from 'opossum'
import { Pool, type Dispatcher } from 'undici'
import type { z } from 'zod'
import { deadlineDefaultMs, deadlineHeader, requestIdHeader, serviceTokenHeader } from './admit.ts'
import { Exchange, type UpstreamAnswer } from './exchange.ts'
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
  readonly url: string
  readonly tokens: Pick<ServiceTokens, 'tokenFor'>
  readonly connectionsMax?: number
  readonly deadlineMs?: number
  readonly logger: Logger
  readonly telemetry: Telemetry
}

/** Calls that wait for a connection, per connection: more are refused at once instead of piling up. */
const waitingPerConnection = 8
const connectTimeoutMs = 500
const bodyIdleMs = 30_000

/** Opens after half of at least 20 calls within 5 s failed; tries again after a second, so that a restart is found soon. */
const breakerSettings = {
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 20,
  rollingCountTimeout: 5_000,
  rollingCountBuckets: 5,
  rollingPercentilesEnabled: false,
  resetTimeout: 1_000,
  errorFilter: (error: unknown) => error instanceof CallerGone,
} as const

/** A connection to another service: a pool, a bulkhead in front of a breaker, a deadline on every call. */
export function createUpstream(options: Options): Upstream {
  const { service, logger, telemetry } = options
  const connections = options.connectionsMax ?? 64
  const underWayMax = connections * (1 + waitingPerConnection)
  const pool = new Pool(options.url, {
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: bodyIdleMs,
    connect: { timeout: connectTimeoutMs },
  })
  const failures = telemetry.counter('upstream_failures_total', 'Calls that got no answer', ['upstream'])
  const breaker = new CircuitBreaker(createSender(pool, options), breakerSettings)
  breaker.on('open', () => logger.warn('upstream-open', { upstream: service }))
  breaker.on('close', () => logger.info('upstream-closed', { upstream: service }))
  let underWay = 0

  async function call(request: UpstreamCall): Promise<UpstreamAnswer> {
    if (underWay >= underWayMax) throw new UpstreamUnavailable(service, 'full')
    const deadlineMs = Math.min(request.deadlineMs ?? deadlineDefaultMs, options.deadlineMs ?? Number.POSITIVE_INFINITY)
    underWay += 1
    try {
      return await breaker.fire(request, performance.now() + deadlineMs)
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
    async [Symbol.asyncDispose]() {
      breaker.shutdown()
      await pool.destroy()
    },
  }
}

type Sender = (request: UpstreamCall, deadlineAtMs: number) => Promise<UpstreamAnswer>

/** Sends a request and, where that is safe, once more: an idle connection may be closed while the request is on its way. */
function createSender(pool: Pool, { service, tokens }: Options): Sender {
  function exchange(request: UpstreamCall, deadlineAtMs: number): Promise<UpstreamAnswer> {
    const leftMs = deadlineAtMs - performance.now()
    if (leftMs <= 0) throw new UpstreamUnavailable(service, 'deadline')
    if (request.signal?.aborted) throw new CallerGone()
    return new Promise((resolve, reject) => {
      const handler = new Exchange(request.method, resolve, reject)
      handler.endAfter(leftMs, () => new UpstreamUnavailable(service, 'deadline'))
      if (request.signal) handler.endOn(request.signal, () => new CallerGone())
      const { method, path, body = null } = request
      pool.dispatch({ method, path, body, headers: headersOf(request, tokens.tokenFor(service), leftMs) }, handler)
    })
  }
  return async (request, deadlineAtMs) => {
    try {
      return await exchange(request, deadlineAtMs)
    } catch (error) {
      if (!isSafe(request) || !isLostConnection(error)) throw error
      return await exchange(request, deadlineAtMs)
    }
  }
}

function headersOf(request: UpstreamCall, token: string, leftMs: number): string[] {
  const headers = [serviceTokenHeader, token, requestIdHeader, request.requestId]
  headers.push(deadlineHeader, String(Math.ceil(leftMs)))
  if (request.authorization) headers.push('authorization', request.authorization)
  if (request.headers) headers.push(...request.headers)
  return headers
}

/** Whoever asked hung up: says nothing about the other service. */
class CallerGone extends Error {
  constructor() {
    super('the caller hung up')
    this.name = 'UpstreamUnavailable'
  }
}

const lostConnectionCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const codeOf = (error: unknown): string => {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : ''
}
const isLostConnection = (error: unknown): boolean => lostConnectionCodes.has(codeOf(error))
const isSafe = ({ method }: UpstreamCall): boolean => method === 'GET' || method === 'HEAD'

function reasonOf(error: unknown): string {
  const code = codeOf(error)
  return code === 'EOPENBREAKER' ? 'not answering' : code || 'no answer'
}
