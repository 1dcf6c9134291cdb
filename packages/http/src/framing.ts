import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ProblemError } from './problem.ts'

/** More header lines than any client sends; the parser itself would drop what comes after its own limit without a word. */
const headerLinesMax = 100

/** Headers of which a second line would mean that two readers may read different requests (RFC 9110, section 5.3). */
const singular = new Set([
  ...['host', 'authorization', 'content-type', 'content-length', 'content-encoding', 'transfer-encoding'],
  ...['idempotency-key', 'x-service-token', 'x-request-id', 'x-deadline-ms', 'webhook-id', 'webhook-timestamp'],
])

const spoiled = new WeakSet<Socket>()

/** True where two readers may not agree where the requests of a connection end. */
export const isSpoiled = (socket: Socket): boolean => spoiled.has(socket)

/**
 * What is wrong with headers that can be read in more than one way, or are more than anybody needs. Whatever follows such a
 * request on its connection is refused as well, also where it has been read already.
 */
export function headerProblem(request: IncomingMessage): ProblemError | undefined {
  const problem = isSpoiled(request.socket) ? new ProblemError('request-malformed') : ownProblem(request)
  if (problem?.code === 'request-malformed') spoiled.add(request.socket)
  return problem
}

function ownProblem({ rawHeaders, headers }: IncomingMessage): ProblemError | undefined {
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return new ProblemError('request-malformed')
  const lines = rawHeaders.length / 2
  if (lines > headerLinesMax) return new ProblemError('headers-too-large')
  if (lines === Object.keys(headers).length) return undefined
  const seen = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (singular.has(name) && seen.has(name)) return new ProblemError('request-malformed')
    seen.add(name)
  }
}

const waiting = new WeakSet<IncomingMessage>()

/**
 * A client that asks first (`Expect: 100-continue`) is told to go on when its body is about to be read, not before it is
 * known who it is.
 */
export function answerExpectations(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.add(request)
    server.emit('request', request, response)
  })
}

/** Asks for the body of a client that waits for that; throws where it announces more than the limit. */
export function askForBody(request: IncomingMessage, response: ServerResponse, bytesMax: number): void {
  if (!waiting.delete(request)) return
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw new ProblemError('body-too-large')
  response.writeContinue()
}
