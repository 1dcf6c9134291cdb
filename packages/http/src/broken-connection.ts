import type { Socket } from 'node:net'
import { problems, type ProblemCode } from '@csr/contracts/problems'
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
export function answerBrokenConnection(error: Error & { readonly code?: string }, socket: Socket): void {
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
    'cache-control: no-store',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** A first line longer than this makes it a matter of the target, not of the headers. */
const firstLineBytesMax = 8_192

function codeOf(error: Error & { readonly code?: string; readonly rawPacket?: unknown }): ProblemCode {
  const { code = '', rawPacket } = error
  const isTarget = Buffer.isBuffer(rawPacket) && !rawPacket.subarray(0, firstLineBytesMax).includes('\n')
  return code === 'HPE_HEADER_OVERFLOW' && isTarget ? 'uri-too-long' : (codes[code] ?? 'request-malformed')
}
