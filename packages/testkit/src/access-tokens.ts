import { createPrivateKey, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Role } from '@csr/contracts/permissions'

export type TokenFor = {
  readonly tenantId: string
  readonly role: Role
  /** the person the account is bound to */
  readonly subject?: string
  /** `sub`, the account */
  readonly actorId?: string
}

/** An access token as the gateway signs one, valid for ten minutes from `nowMs`. */
export function signAccessToken(
  signingKeyFile: string,
  nowMs: number,
  { tenantId, role, subject, actorId }: TokenFor,
): string {
  const jwk = JSON.parse(readFileSync(signingKeyFile, 'utf8')) as { kid: string }
  const iat = Math.floor(nowMs / 1_000)
  const header = { alg: 'RS256', typ: 'at+jwt', kid: jwk.kid }
  const claims = {
    ...{ iss: 'csr-backbone', aud: 'csr-backbone', sub: actorId ?? `account-${role}`, tenant: tenantId, roles: [role] },
    ...{ subject, sid: randomUUID(), auth_time: iat, iat, nbf: iat, exp: iat + 600, jti: randomUUID() },
  }
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(header)}.${part(claims)}`
  const key = createPrivateKey({ key: jwk as never, format: 'jwk' })
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}
