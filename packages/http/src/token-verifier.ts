import { hash } from 'node:crypto'
import { Role } from '@csr/contracts/permissions'
import { allowedCallers, type Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import { decodeProtectedHeader, jwtVerify, type JWTPayload, type ProtectedHeaderParameters } from 'jose'
import { z } from 'zod'
import { createPublicKeys, signatureAlgorithm, type PublicKeys } from './keys.ts'
import { ProblemError } from './problem.ts'
import type { Principal } from './route.ts'

/** Access tokens: RFC 9068 types; ten minutes at most, enforced here too. */
export const accessToken = { typ: 'at+jwt', audience: 'csr-backbone', keyName: 'access', lifeSecondsMax: 600 } as const
/** Service tokens: one audience, five minutes at most. */
export const serviceToken = { typ: 'service+jwt', lifeSecondsMax: 300 } as const
/** Issuer of access tokens unless `ACCESS_TOKEN_ISSUER` says otherwise. */
export const accessTokenIssuer = 'csr-backbone'

const leewaySeconds = 60
const cachedMax = 10_000
const tokenCharactersMax = 8_192
/** Members a header may have. `jku`, `x5u`, `jwk`, `x5c`, `crit` and `b64` are refused before anything reads them. */
const headerMembers: ReadonlySet<string> = new Set(['alg', 'typ', 'kid'])

export interface TokenVerifier {
  /** who the access token speaks for; throws `token-invalid` */
  verifyAccess(token: string): Promise<Principal>
  /** the service that calls; throws `service-token-invalid` */
  verifyService(token: string): Promise<Service>
}

type Options = {
  /** this service: the only audience a service token may have */
  readonly service: Service
  readonly publicKeysDir: string
  readonly clock: Clock
  /** services that may call; by default those the contracts allow */
  readonly callers?: readonly Service[]
  readonly issuer?: string
}

/**
 * Verifies access and service tokens (RFC 8725): exact algorithm, type, issuer, audience, times and longest life; keys
 * come from files only. What was verified is cached by hash, bounded; each use still checks expiry.
 */
export function createTokenVerifier(options: Options): TokenVerifier {
  const { service, clock } = options
  const callers = options.callers ?? allowedCallers[service]
  const issuer = options.issuer ?? accessTokenIssuer
  const keys = createPublicKeys({ directory: options.publicKeysDir, clock })
  const check = { clock, keys }

  async function verifyAccessToken(token: string): Promise<Verified<Principal>> {
    const { payload, expiresAtMs } = await verify(token, { ...check, ...accessToken, issuer })
    const claims = accessClaims.parse(payload)
    const principal = {
      tenantId: claims.tenant,
      actorId: claims.sub,
      roles: claims.roles,
      subjectId: claims.subject ?? null,
      sessionId: claims.sid ?? null,
      tokenId: claims.jti,
    }
    return { value: principal, expiresAtMs }
  }

  async function verifyServiceToken(token: string): Promise<Verified<Service>> {
    const caller = callers.find((name) => name === claimedIssuer(token))
    if (!caller) throw new Error('caller not allowed')
    const expected = { ...check, ...serviceToken, issuer: caller, audience: service, keyName: caller }
    const { payload, expiresAtMs } = await verify(token, expected)
    if (payload.sub !== caller) throw new Error('subject is not the issuer')
    return { value: caller, expiresAtMs }
  }

  return {
    verifyAccess: cached(clock, verifyAccessToken, 'token-invalid'),
    verifyService: cached(clock, verifyServiceToken, 'service-token-invalid'),
  }
}

const accessClaims = z.object({
  sub: z.string().min(1).max(200),
  tenant: z.guid(),
  roles: z.array(z.enum(Role)).min(1).max(5),
  subject: z.guid().nullish(),
  sid: z.string().max(200).nullish(),
  jti: z.string().min(1).max(200),
})

type Verified<Value> = { readonly value: Value; readonly expiresAtMs: number }

/** Remembers what was verified, by SHA-256, so that neither memory nor a core dump holds tokens; the oldest goes first. */
function cached<Value>(
  clock: Clock,
  verifyOnce: (token: string) => Promise<Verified<Value>>,
  code: 'token-invalid' | 'service-token-invalid',
): (token: string) => Promise<Value> {
  const known = new Map<string, Verified<Value>>()
  return async (token) => {
    if (token.length > tokenCharactersMax) throw new ProblemError(code)
    const digest = hash('sha256', token, 'base64')
    let verified = known.get(digest)
    if (!verified) {
      verified = await verifyOnce(token).catch((error: unknown) => {
        throw new ProblemError(code, { cause: error })
      })
      known.set(digest, verified)
      if (known.size > cachedMax) known.delete(known.keys().next().value ?? digest)
    }
    if (clock.nowMs() < verified.expiresAtMs + leewaySeconds * 1_000) return verified.value
    known.delete(digest)
    throw new ProblemError(code)
  }
}

type Expected = {
  readonly clock: Clock
  readonly keys: PublicKeys
  readonly typ: string
  readonly issuer: string
  readonly audience: string
  readonly keyName: string
  readonly lifeSecondsMax: number
}

async function verify(token: string, expected: Expected): Promise<{ payload: JWTPayload; expiresAtMs: number }> {
  const header = checkedHeader(token)
  const key = await expected.keys.find(expected.keyName, header.kid)
  if (!key) throw new Error('unknown key')
  const nowMs = expected.clock.nowMs()
  const { payload } = await jwtVerify(token, key, {
    algorithms: [signatureAlgorithm],
    typ: expected.typ,
    issuer: expected.issuer,
    audience: expected.audience,
    clockTolerance: leewaySeconds,
    currentDate: new Date(nowMs),
    requiredClaims: ['sub', 'jti', 'iat', 'nbf', 'exp'],
  })
  const { aud, iat = 0, nbf = 0, exp = 0 } = payload
  if (aud !== expected.audience) throw new Error('more than one audience')
  if (iat > nowMs / 1_000 + leewaySeconds) throw new Error('issued in the future')
  if (exp - Math.min(iat, nbf) > expected.lifeSecondsMax) throw new Error('lives too long')
  return { payload, expiresAtMs: exp * 1_000 }
}

function checkedHeader(token: string): ProtectedHeaderParameters & { readonly kid: string } {
  const header = decodeProtectedHeader(token)
  for (const member of Object.keys(header)) if (!headerMembers.has(member)) throw new Error('unexpected header member')
  if (header.alg !== signatureAlgorithm || typeof header.kid !== 'string') throw new Error('unexpected header')
  return { ...header, kid: header.kid }
}

/** The issuer a token claims, before anything is verified: chooses the key name among the allowed callers, no more. */
function claimedIssuer(token: string): unknown {
  const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { iss?: unknown }
  return payload.iss
}
