import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import type { Health, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { admit, openEntry, type Door, type EdgeSessions } from './admit.ts'
import { answerProblem, answersHead, refuseOtherMethods } from './answer-problem.ts'
import { limitReading, readJson, readRaw, readStream } from './body.ts'
import { brokenConnections } from './broken-connection.ts'
import { toHandler } from './call-route.ts'
import { edgeHeadersOf } from './edge-headers.ts'
import { answerExpectations, askForBody, headerProblem } from './framing.ts'
import { addHealthRoutes } from './health-routes.ts'
import type { AnswerKeeper } from './idempotency/keep-answers.ts'
import { keepRoom } from './keep-room.ts'
import { ProblemError } from './problem.ts'
import type { TrustedProxies } from './client-address.ts'
import type { Limits } from './limits.ts'
import { createRecorder, type Refusal } from './request-record.ts'
import type { Route } from './route.ts'
import { readTls, renewTls, type TlsFiles } from './tls.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** Bodies are 1 MB at most unless a route says otherwise. */
export const bodyBytesMax = 1_048_576

/** Limits of every server: what a slow or greedy client can take. */
const limits = {
  headerBytesMax: 16_384,
  connectionsMax: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  /** servers with a route that streams a body: long enough for an upload, which has an idle limit of its own */
  streamingRequestTimeoutMs: 900_000,
  /** how often the two time-outs are looked at */
  timeoutCheckMs: 1_000,
  streamIdleMs: 20_000,
  keepAliveMs: 72_000,
  targetCharactersMax: 8_192,
  paramCharactersMax: 200,
  drainMs: 8_000,
  drainCheckMs: 50,
} as const

export type ServerOptions = {
  readonly service: Service
  readonly host: string
  /** 0 takes a free port; `address` tells which */
  readonly port: number
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly health: Health
  readonly tokens: TokenVerifier
  /** serves HTTPS with these files; plain HTTP without them */
  readonly tls?: TlsFiles | undefined
  /** where browsers call: what stands behind their cookies */
  readonly sessions?: EdgeSessions
  /** counts requests; without it nobody is limited */
  readonly limits?: Limits
  /** proxies whose word about the client's address is taken */
  readonly proxies?: TrustedProxies
  readonly routes: readonly Route[]
  readonly bodyBytesMax?: number
  /** `service` (the default): each call needs a service token of an allowed caller. `edge`: outsiders may call */
  readonly door?: Door
  /** false leaves /metrics out: the public port of the gateway */
  readonly metrics?: boolean
  /** keeps the answers of requests that bear an Idempotency-Key; a server without it forwards them */
  readonly answers?: AnswerKeeper
  /** told of every 401 and 403 that this server decides; must not throw or wait */
  readonly onRefused?: (refusal: Refusal) => void
  readonly connectionsMax?: number
  readonly headersTimeoutMs?: number
  /** longest time a body that is read whole may take */
  readonly requestTimeoutMs?: number
  /** longest silence inside a streamed body */
  readonly streamIdleMs?: number
}

/**
 * An HTTP server for the given routes, with health routes, metrics and problem documents. Unknown routes are 404 before
 * authentication; tokens are checked before a body is read. On disposal it turns not ready, finishes what runs, closes.
 */
export function createServer(options: ServerOptions): Resource & { readonly address: string } {
  const { health, host, logger } = options
  const app = createApp(options)
  let renewing: Disposable | null = null
  let address = ''
  return {
    name: 'http server',
    get address() {
      if (!address) throw new Error('the server has not started')
      return address
    },
    async start() {
      await app.listen({ host, port: options.port })
      if (options.tls) renewing = renewTls(app.server as unknown as HttpsServer, options.tls, logger)
      const { port } = app.server.address() as AddressInfo
      address = `${options.tls ? 'https' : 'http'}://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`
      logger.info('listening', { host, port })
    },
    async [Symbol.asyncDispose]() {
      health.drain()
      renewing?.[Symbol.dispose]()
      // a connection that turns idle after the close began would stay for its keep-alive time
      const idle = setInterval(() => app.server.closeIdleConnections(), limits.drainCheckMs)
      const force = setTimeout(() => app.server.closeAllConnections(), limits.drainMs)
      await app.close()
      clearInterval(idle)
      clearTimeout(force)
    },
  }
}

function createApp(options: ServerOptions): FastifyInstance {
  const ids = createIds(options.clock)
  const app = fastify({
    logger: false,
    genReqId: () => '',
    bodyLimit: options.bodyBytesMax ?? bodyBytesMax,
    requestTimeout: streamsBodies(options)
      ? limits.streamingRequestTimeoutMs
      : (options.requestTimeoutMs ?? limits.requestTimeoutMs),
    keepAliveTimeout: limits.keepAliveMs,
    // while draining, connections that are open get their answers, each with `connection: close`
    return503OnClosing: false,
    exposeHeadRoutes: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    ...transportOf(options),
    routerOptions: { maxParamLength: limits.paramCharactersMax },
    clientErrorHandler: brokenConnections(options.door),
    frameworkErrors: (error, request, reply) => {
      openEntry(request, options.clock, ids, options.proxies)
      if (options.door === 'edge') protect(request, reply, options)
      void answerProblem(error, request, reply, options.logger)
    },
  })
  const connectionsMax = options.connectionsMax ?? limits.connectionsMax
  app.server.maxConnections = connectionsMax
  // the parser bounds headers by bytes; with a bound on lines it would drop the rest without a word
  app.server.maxHeadersCount = 0
  keepRoom(app.server, connectionsMax)
  answerExpectations(app.server)
  addRoutes(app, options, ids)
  return app
}

function transportOf(options: ServerOptions) {
  const parser = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: options.headersTimeoutMs ?? limits.headersTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    insecureHTTPParser: false,
    requireHostHeader: true,
  }
  return options.tls ? { https: { ...parser, ...readTls(options.tls) } } : { http: parser }
}

function addRoutes(app: FastifyInstance, options: ServerOptions, ids: ReturnType<typeof createIds>): void {
  const { logger, routes } = options
  const recorder = createRecorder(options)
  app.decorateRequest('entry', null as never)
  app.addHook('onRequest', (request, reply, done) => {
    openEntry(request, options.clock, ids, options.proxies)
    if (options.door === 'edge') protect(request, reply, options)
    const broken = headerProblem(request.raw)
    const unknown = request.is404 || !isPlainPath(request.url)
    done(unknown ? unknownTarget(request.url) : broken)
  })
  app.addHook('preParsing', (request, reply, payload, done) => {
    askForBody(request.raw, reply.raw, request.routeOptions.bodyLimit)
    done(null, payload)
  })
  app.addHook('onResponse', (request, reply, done) => {
    recorder.record(request, reply)
    done()
  })
  app.setErrorHandler((error, request, reply) => {
    const problem = answerProblem(error, request, reply, logger)
    recorder.refused(problem, request)
  })
  app.setNotFoundHandler(() => {
    throw new ProblemError('route-not-found')
  })
  addHealthRoutes(app, options)
  refuseOtherMethods(app, routes)
  addApi(app, options, 'json')
  addApi(app, options, 'raw')
  addApi(app, options, 'stream')
}

function protect(request: FastifyRequest, reply: FastifyReply, { proxies }: ServerOptions): void {
  reply.headers(edgeHeadersOf(request.raw, proxies))
  reply.header('x-request-id', request.entry.requestId)
}

/** Each way of reading bodies is a scope of its own: content type parsers belong to a scope, not to a route. */
function addApi(app: FastifyInstance, options: ServerOptions, mode: 'json' | 'raw' | 'stream'): void {
  const modeOf = (route: Route): string => (typeof route.body === 'string' ? route.body : 'json')
  const chosen = options.routes.filter((route) => modeOf(route) === mode)
  if (chosen.length === 0) return
  void app.register((api, _options, done) => {
    api.setValidatorCompiler(validatorCompiler)
    api.setSerializerCompiler(serializerCompiler)
    api.removeAllContentTypeParsers()
    if (mode === 'json') readJson(api)
    if (mode === 'raw') readRaw(api)
    if (mode === 'stream') readStream(api, options.streamIdleMs ?? limits.streamIdleMs)
    else if (streamsBodies(options)) limitReading(api, options.requestTimeoutMs ?? limits.requestTimeoutMs)
    for (const route of chosen) addRoute(api, options, route)
    done()
  })
}

function addRoute(api: FastifyInstance, options: ServerOptions, route: Route): void {
  const { params, query, body } = route
  const { door = 'service' } = options
  api.route({
    method: route.method,
    url: route.path,
    exposeHeadRoute: answersHead(route),
    bodyLimit: route.bodyBytesMax ?? options.bodyBytesMax ?? bodyBytesMax,
    schema: {
      ...(params && { params }),
      ...(query && { querystring: query }),
      ...(body && typeof body !== 'string' && { body }),
      response: route.answers,
    },
    onRequest: admit(route, { ...options, door }),
    handler: toHandler(route, options),
  })
}

const streamsBodies = ({ routes }: ServerOptions): boolean => routes.some((route) => route.body === 'stream')

function unknownTarget(target: string): ProblemError {
  return new ProblemError(target.length > limits.targetCharactersMax ? 'uri-too-long' : 'route-not-found')
}

/** No route has a path that needs percent-encoding; one that carries it, or an empty segment, is unknown. */
function isPlainPath(target: string): boolean {
  const end = target.indexOf('?')
  const path = end === -1 ? target : target.slice(0, end)
  if (target.length > limits.targetCharactersMax || target.includes('#')) return false
  return !path.includes('%') && !path.includes('//') && !path.includes(';')
}
