import type { MachineKey } from '@csr/contracts/http/tokens'
import type { Clock } from '@csr/runtime/clock'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { FoundClient } from '../store/machine-client-store.ts'

/** Longest life of an assertion: it is made for one request. */
const lifeSecondsMax = 300
const leewaySeconds = 60

export type VerifiedAssertion = { readonly id: string; readonly expiresAtMs: number }

/** The client an assertion claims to be from, before anything is verified; null where it claims nothing. */
export function claimedClient(assertion: string): string | null {
  try {
    return decodeJwt(assertion).sub ?? null
  } catch {
    return null
  }
}

type Expected = { readonly audiences: readonly string[]; readonly clock: Clock }

/**
 * Verifies `private_key_jwt` (RFC 7523, section 3): signed by a key of this client and no other, issuer and subject are the
 * client, one audience that is ours, five minutes at most, an id. Null where anything differs; keys come from our table only.
 */
export async function verifyAssertion(
  assertion: string,
  client: FoundClient & { readonly publicKeys: readonly MachineKey[] },
  { audiences, clock }: Expected,
): Promise<VerifiedAssertion | null> {
  const keys = createLocalJWKSet({ keys: client.publicKeys.map((key) => ({ ...key }) as never) })
  const nowMs = clock.nowMs()
  const verified = await jwtVerify(assertion, keys, {
    algorithms: ['RS256', 'PS256', 'ES256'],
    issuer: client.id,
    subject: client.id,
    audience: [...audiences],
    clockTolerance: leewaySeconds,
    currentDate: new Date(nowMs),
    requiredClaims: ['exp', 'iat', 'jti'],
  }).catch(() => null)
  if (!verified) return null
  const { aud, exp = 0, iat = 0, jti = '' } = verified.payload
  if (typeof aud !== 'string' || jti === '' || jti.length > 200) return null
  if (exp - iat > lifeSecondsMax || iat > nowMs / 1_000 + leewaySeconds) return null
  return { id: jti, expiresAtMs: (exp + leewaySeconds) * 1_000 }
}
