import { ProblemError } from '@csr/http/problem'
import { passingRoute, type Route, type RouteRequest } from '@csr/http/route'
import type { Upstream, UpstreamAnswer } from '@csr/http/upstream'
import type { Readable } from 'node:stream'
import type { Forwarding } from '../forwarding.ts'

type Deps = { readonly upstreams: Readonly<Record<Forwarding['service'], Pick<Upstream, 'call'>>> }

/**
 * Passes an operation on to the service that owns it. By then the edge has checked path, framing, access token and
 * permission; bytes of the body pass untouched. Of the headers only those named here pass, in both directions, so that
 * nothing a client claims about itself reaches a service.
 */
export function forward(row: Forwarding, { upstreams }: Deps): Route {
  const { service, operation } = row
  const { method, path, summary, permission, fresh, limit, changesNothing, bodyBytesMax, problems } = operation
  const upstream = upstreams[service]
  const body = bodyMode(operation.body)
  const passed = [...requestHeaders, ...(body === 'stream' ? ['content-length'] : []), ...(row.headers ?? [])]
  return passingRoute({
    ...{ method, path, summary, permission },
    ...(body && { body, mediaTypes: operation.mediaTypes ?? ['application/json'] }),
    ...(bodyBytesMax !== undefined && { bodyBytesMax }),
    ...(problems && { problems }),
    ...(fresh && { fresh }),
    ...(limit && { limit }),
    ...(changesNothing && { changesNothing }),
    async handle(request) {
      const answer = await upstream.call({
        method,
        path: request.target,
        requestId: request.requestId,
        authorization: permission === 'public' ? undefined : request.headers.authorization,
        headers: pick(request.headers, passed),
        body: (request.body ?? null) as Buffer | Readable | null,
        deadlineMs: request.deadlineMs,
        ...(body === 'stream' && { signal: request.signal }),
      })
      if (answer.status === 401) refuseOwnFault(answer)
      return { status: answer.status, body: answer.body, headers: answerHeadersOf(answer) }
    },
  })
}

const requestHeaders = ['accept', 'content-type', 'idempotency-key', 'if-none-match']

const answerHeaders = [
  'content-type',
  'cache-control',
  'content-disposition',
  'etag',
  'last-modified',
  'location',
  'retry-after',
  'www-authenticate',
  'idempotent-replayed',
]

function bodyMode(body: Forwarding['operation']['body']): 'raw' | 'stream' | undefined {
  if (body === undefined) return undefined
  return body === 'stream' ? 'stream' : 'raw'
}

/** Names and values in turn, as the pool takes them. */
function pick(headers: RouteRequest['headers'], names: readonly string[]): string[] {
  const picked: string[] = []
  for (const name of names) {
    const value = headers[name]
    if (typeof value === 'string') picked.push(name, value)
  }
  return picked
}

function answerHeadersOf(answer: UpstreamAnswer): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of answerHeaders) {
    const value = answer.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  const bytes = answer.headers['content-length']
  if (!Buffer.isBuffer(answer.body) && bytes !== undefined) headers['content-length'] = bytes
  return headers
}

/** A service that does not accept our own token says nothing about the client's. */
function refuseOwnFault(answer: UpstreamAnswer): void {
  if (!Buffer.isBuffer(answer.body) || !answer.body.includes('/problems/service-token-invalid')) return
  throw new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })
}
