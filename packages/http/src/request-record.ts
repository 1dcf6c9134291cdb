import type { ProblemCode } from '@csr/contracts/problems'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { probes } from './health-routes.ts'
import type { ProblemError } from './problem.ts'
import type { ServerOptions } from './server.ts'

/** A request that this server refused with 401 or 403. */
export type Refusal = {
  readonly code: ProblemCode
  readonly status: number
  readonly method: string
  /** pattern, never the path as sent */
  readonly route: string
  readonly requestId: string
  readonly tenantId: string | null
  readonly actorId: string | null
  readonly clientAddress: string
  /** why, in names that are ours; for the record only */
  readonly reasons: readonly string[]
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export type Recorder = {
  record(request: FastifyRequest, reply: FastifyReply): void
  refused(problem: ProblemError, request: FastifyRequest): void
}

/** One log line and one measurement per request: the route's pattern, never a path, a query or a body. */
export function createRecorder(options: ServerOptions): Recorder {
  const { logger, telemetry, onRefused } = options
  const seconds = telemetry.histogram('http_request_duration_seconds', 'Time to answer', secondsBuckets, [
    'method',
    'route',
    'status',
  ])
  return {
    record(request, reply) {
      const { entry, method } = request
      const ms = Math.round(reply.elapsedTime * 100) / 100
      const status = reply.statusCode
      seconds.observe(ms / 1_000, { method, route: entry.route, status: String(status) })
      const { principal, caller, requestId, route } = entry
      const tenantId = principal?.tenantId
      const line = { method, route, status, ms, requestId, caller, tenantId, actorId: principal?.actorId }
      if (route === probes) logger.debug('request', line)
      else logger.info('request', line)
    },
    refused(problem, request) {
      if (!onRefused || (problem.status !== 401 && problem.status !== 403)) return
      const { route, requestId, principal, clientAddress } = request.entry
      const tenantId = principal?.tenantId ?? null
      const actorId = principal?.actorId ?? null
      const { code, status, reasons } = problem
      onRefused({ code, status, method: request.method, route, requestId, tenantId, actorId, clientAddress, reasons })
    },
  }
}
