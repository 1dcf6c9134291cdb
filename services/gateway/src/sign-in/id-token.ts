import type { Clock } from '@csr/runtime/clock'
import { errors, jwtVerify } from 'jose'
import { z } from 'zod'
import type { FindKey } from './provider-keys.ts'
import { ProviderUnavailable, SignInRefusal, SignInRefused } from './sign-in-refusal.ts'

/** Google and Entra sign with it; a token that says anything else is refused, whatever its header brings along. */
export const idTokenAlgorithm = 'RS256'
export const leewaySeconds = 60
/** Google's live an hour, Entra's up to a day. */
const lifeSecondsMax = 90_000

const text = (charactersMax: number) => z.string().min(1).max(charactersMax)

/** Claims we read. A claim of another form counts as missing where it only describes, and refuses where it decides. */
const idTokenClaims = z.object({
  iss: text(500),
  /** OpenID Connect Core, section 2: 255 ASCII characters at most */
  sub: text(255).regex(/^[\u0021-\u007e]+$/),
  aud: z.union([z.string(), z.array(z.string()).length(1)]),
  azp: z.string().optional(),
  nonce: z.string(),
  iat: z.number(),
  exp: z.number(),
  auth_time: z.number().optional(),
  email: text(254).optional().catch(undefined),
  email_verified: z.boolean().optional().catch(undefined),
  /** Entra's word for a verified domain of the e-mail address */
  xms_edov: z.union([z.boolean(), z.number(), z.string()]).optional().catch(undefined),
  preferred_username: text(254).optional().catch(undefined),
  name: text(200).optional().catch(undefined),
  hd: z.string().optional(),
  tid: z.string().optional(),
  acr: text(200).optional().catch(undefined),
  amr: z.array(text(100)).max(20).optional().catch(undefined),
})
export type IdTokenClaims = z.output<typeof idTokenClaims>

type Expected = {
  readonly keyOf: FindKey
  readonly issuer: string
  readonly clientId: string
  readonly nonce: string
  readonly clock: Clock
}

/**
 * Verifies an ID token (OpenID Connect Core, section 3.1.3.7): signature by a key the provider publishes, issuer, one
 * audience, nonce, times. Throws `SignInRefused` with the first reason, `ProviderUnavailable` where keys cannot be had.
 */
export async function verifyIdToken(token: string, expected: Expected): Promise<IdTokenClaims> {
  const nowMs = expected.clock.nowMs()
  const { payload } = await jwtVerify(token, expected.keyOf, {
    algorithms: [idTokenAlgorithm],
    issuer: expected.issuer,
    audience: expected.clientId,
    clockTolerance: leewaySeconds,
    currentDate: new Date(nowMs),
    requiredClaims: ['sub', 'iat', 'exp', 'nonce'],
  }).catch((error: unknown) => {
    throw refusedBecause(error)
  })
  const read = idTokenClaims.safeParse(payload)
  if (!read.success) throw new SignInRefused(SignInRefusal.tokenMalformed)
  const { data: claims } = read
  if (claims.azp !== undefined && claims.azp !== expected.clientId) throw new SignInRefused(SignInRefusal.audienceWrong)
  if (claims.nonce !== expected.nonce) throw new SignInRefused(SignInRefusal.nonceWrong)
  const isFuture = claims.iat > nowMs / 1_000 + leewaySeconds
  if (isFuture || claims.exp - claims.iat > lifeSecondsMax) throw new SignInRefused(SignInRefusal.timeWrong)
  return claims
}

function refusedBecause(error: unknown): Error {
  if (error instanceof ProviderUnavailable) return error
  if (error instanceof errors.JWTExpired) return new SignInRefused(SignInRefusal.timeWrong, error)
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new SignInRefused(claimRefusals[error.claim] ?? SignInRefusal.tokenMalformed, error)
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return new SignInRefused(SignInRefusal.algorithmWrong, error)
  if (error instanceof errors.JWKSNoMatchingKey) return new SignInRefused(SignInRefusal.keyUnknown, error)
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new SignInRefused(SignInRefusal.signatureWrong, error)
  }
  return new SignInRefused(SignInRefusal.tokenMalformed, error)
}

/** Which refusal a claim that does not hold means. */
export const claimRefusals: Readonly<Record<string, SignInRefusal>> = {
  iss: SignInRefusal.issuerWrong,
  aud: SignInRefusal.audienceWrong,
  azp: SignInRefusal.audienceWrong,
  nonce: SignInRefusal.nonceWrong,
  nbf: SignInRefusal.timeWrong,
  iat: SignInRefusal.timeWrong,
  exp: SignInRefusal.timeWrong,
}
