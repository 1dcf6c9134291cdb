import type { DevelopmentTokenRequest } from '@csr/contracts/http/gateway'

type Members = Readonly<Record<string, unknown>>

export type Stamp = {
  readonly kid: string
  readonly issuer: string
  readonly nowMs: number
  readonly tokenId: string
  readonly sessionId: string
}

const lifeSeconds = 600

/** What an access token would say, with the given members merged over it; null removes one. */
export function describeDevelopmentToken(
  request: DevelopmentTokenRequest,
  stamp: Stamp,
): { readonly header: Members; readonly claims: Members } {
  const now = Math.floor(stamp.nowMs / 1_000)
  const header = { alg: 'RS256', typ: 'at+jwt', kid: stamp.kid }
  const claims = {
    iss: stamp.issuer,
    aud: 'csr-backbone',
    sub: `development-${request.role}`,
    tenant: request.tenantId,
    roles: [request.role],
    ...(request.subject !== undefined && { subject: request.subject }),
    sid: stamp.sessionId,
    auth_time: now,
    iat: now,
    nbf: now,
    exp: now + lifeSeconds,
    jti: stamp.tokenId,
  }
  return { header: merge(header, request.header), claims: merge(claims, request.claims) }
}

function merge(given: Members, changes: Members | undefined): Members {
  return Object.fromEntries(Object.entries({ ...given, ...changes }).filter(([, value]) => value !== null))
}
