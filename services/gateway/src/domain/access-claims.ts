import type { Role } from '@csr/contracts/permissions'

/** Whom an access token speaks for. */
export type Grant = {
  /** account, or machine client */
  readonly actorId: string
  readonly tenantId: string
  readonly roles: readonly Role[]
  readonly subjectId: string | null
  readonly sessionId: string | null
  readonly clientId: string | null
  /** when our code flow was completed; null for machines */
  readonly signedInAtMs: number | null
}

type Stamp = { readonly issuer: string; readonly nowMs: number; readonly tokenId: string }

export const accessTokenLifeSeconds = 600

/** The claims of an access token (RFC 9068): what verifiers ask for, and nothing personal. */
export function accessClaims(grant: Grant, { issuer, nowMs, tokenId }: Stamp): Readonly<Record<string, unknown>> {
  const now = Math.floor(nowMs / 1_000)
  return {
    iss: issuer,
    aud: 'csr-backbone',
    sub: grant.actorId,
    tenant: grant.tenantId,
    roles: grant.roles,
    ...(grant.subjectId !== null && { subject: grant.subjectId }),
    ...(grant.sessionId !== null && { sid: grant.sessionId }),
    ...(grant.clientId !== null && { client_id: grant.clientId }),
    ...(grant.signedInAtMs !== null && { auth_time: Math.floor(grant.signedInAtMs / 1_000) }),
    iat: now,
    nbf: now,
    exp: now + accessTokenLifeSeconds,
    jti: tokenId,
  }
}
