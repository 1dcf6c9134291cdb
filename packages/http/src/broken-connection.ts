import type { Socket } from 'node:net'
import { problems, type ProblemCode } from '@csr/contracts/problems'
import type { Door } from './admit.ts'
import { edgeHeadersOn, type EdgeHeaders } from './edge-headers.ts'
import { isSpoiled } from './framing.ts'
import { problemDocument, ProblemError, problemMediaType } from './problem.ts'

const codes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
}

/** Answers what never became a request (broken framing, oversize headers, too slow) and ends the connection. */
export function brokenConnections(door: Door | undefined): (error: ConnectionError, socket: Socket) => void {
  return (error, socket) => answer(error, socket, door === 'edge' ? edgeHeadersOn(socket) : unprotected)
}

type ConnectionError = Error & { readonly code?: string; readonly rawPacket?: unknown }

const unprotected = { 'cache-control': 'no-store' } as const

function answer(error: ConnectionError, socket: Socket, headers: EdgeHeaders): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy()
  // it has been told already, with the request that began this
  if (isSpoiled(socket)) return socket.destroySoon()
  const code = codeOf(error)
  const { status } = problems[code]
  const body = JSON.stringify(problemDocument(new ProblemError(code)))
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** A first line longer than this makes it a matter of the target, not of the headers. */
const firstLineBytesMax = 8_192

function codeOf(error: ConnectionError): ProblemCode {
  const { code = '', rawPacket } = error
  const isTarget = Buffer.isBuffer(rawPacket) && !rawPacket.subarray(0, firstLineBytesMax).includes('\n')
  return code === 'HPE_HEADER_OVERFLOW' && isTarget ? 'uri-too-long' : (codes[code] ?? 'request-malformed')
}
