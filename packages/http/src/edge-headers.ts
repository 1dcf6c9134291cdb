import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { TrustedProxies } from './client-address.ts'

/**
 * Headers of every answer at the edge, errors and unknown routes included (OWASP ASVS 5.0, 3.4): answers may hold personal
 * data, so nobody keeps them, guesses their type, runs or frames them, or tells the next page where one came from. A route
 * may say otherwise: the documentation page brings its own policy.
 */
const always = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** RFC 6797, a year: only what came over TLS says so, for over a plain connection anybody could. */
const overTls = { ...always, 'strict-transport-security': 'max-age=31536000; includeSubDomains' } as const

export type EdgeHeaders = Readonly<Record<string, string>>

/** For a request: whether it came over TLS is known here, or said by a proxy whose word is taken. */
export function edgeHeadersOf(request: IncomingMessage, proxies: TrustedProxies | undefined): EdgeHeaders {
  if (isEncrypted(request.socket)) return overTls
  // the last one was written by whoever is next to us
  const protocol = request.headers['x-forwarded-proto']?.toString().split(',').at(-1)?.trim().toLowerCase()
  return protocol === 'https' && proxies?.has(request.socket.remoteAddress ?? '') ? overTls : always
}

/** For what never became a request. */
export function edgeHeadersOn(socket: object): EdgeHeaders {
  return isEncrypted(socket) ? overTls : always
}

const isEncrypted = (socket: object): boolean => (socket as Partial<TLSSocket>).encrypted === true
