import type { Logger } from '@csr/runtime/logger'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isSpoiled } from './framing.ts'
import { problemDocument, ProblemError, problemMediaType, toProblem } from './problem.ts'
import type { Method, Route } from './route.ts'

/** Bytes of an unread body that are worth reading to keep the connection. */
const unreadBytesMax = 65_536

/** Answers whatever was thrown as a problem document; logs what nobody expected. */
export function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): ProblemError {
  const problem = toProblem(error)
  const { requestId, route } = request.entry
  if (problem.code === 'internal') logger.error('request-failed', problem.cause ?? problem, { requestId, route })
  reply.code(problem.status)
  reply.header('content-type', problemMediaType)
  reply.header('cache-control', 'no-store')
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', String(problem.retryAfterSeconds))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.headers) reply.headers(problem.headers as Record<string, string | string[]>)
  if (isSpoiled(request.raw.socket) || leavesMuchUnread(request)) reply.header('connection', 'close')
  // as bytes: to a text the framework would add a charset, which this media type does not have
  void reply.send(Buffer.from(JSON.stringify(problemDocument(problem, requestId))))
  return problem
}

function leavesMuchUnread(request: FastifyRequest): boolean {
  if (request.raw.complete) return false
  const { headers } = request
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > unreadBytesMax
}

const methods: readonly (Method | 'HEAD' | 'OPTIONS')[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * HEAD is for documents and probes. Elsewhere a GET may be recorded as a reading or open something once, which nobody who
 * sends HEAD means.
 */
export function answersHead({ method, path, permission }: Route): boolean {
  return method === 'GET' && permission === 'public' && !path.includes(':')
}

/** Known paths answer 405 with `allow` to the methods they do not have. */
export function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  const allowed = new Map<string, (Method | 'HEAD')[]>()
  for (const route of routes) {
    const own = answersHead(route) ? (['GET', 'HEAD'] as const) : [route.method]
    allowed.set(route.path, [...(allowed.get(route.path) ?? []), ...own])
  }
  for (const [path, own] of allowed) {
    const problem = new ProblemError('method-not-allowed', { headers: { allow: own.join(', ') } })
    app.route({
      method: methods.filter((method) => !own.some((name) => name === method)),
      url: path,
      onRequest: (request, _reply, done) => {
        request.entry.route = path
        done(problem)
      },
      handler: () => {
        throw problem
      },
    })
  }
}
