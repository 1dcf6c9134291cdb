import { hash } from 'node:crypto'
import { Role } from '@csr/contracts/permissions'
import { allowedCallers, type Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import { decodeProtectedHeader, jwtVerify, type CryptoKey, type JWTPayload, type ProtectedHeaderParameters } from 'jose'
import { z } from 'zod'
import { createPublicKeys, signatureAlgorithm } from './keys.ts'
import { ProblemError } from './problem.ts'
import type { Principal } from './route.ts'
import type { Stop, TokenTrust } from './token-trust.ts'

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
  /** why nothing of the tenant is answered; null where it is. Throws `dependency-unavailable` where nobody knows */
  stopOf(tenantId: string): Stop | null
  /** the service that calls; throws `service-token-invalid` */
  verifyService(token: string): Promise<Service>
}

type Options = {
  /** this service: the only audience a service token may have */
  readonly service: Service
  readonly publicKeysDir: string
  readonly clock: Clock
  /** keys of access tokens that came after set-up, what was revoked, and whose tokens are refused */
  readonly trust: Pick<TokenTrust, 'assertFresh' | 'key' | 'isRetired' | 'isRevoked' | 'stopOf'>
  /** services that may call; by default those the contracts allow */
  readonly callers?: readonly Service[]
  readonly issuer?: string
}

/**
 * Verifies access and service tokens (RFC 8725): exact algorithm, type, issuer, audience, times and longest life. Keys come
 * from the directory that set-up filled; those of access tokens that were made later from the gateway's table, which also
 * says which of them have retired. What was verified is cached by hash, bounded; each use still checks expiry, the key
 * and the revocations.
 */
export function createTokenVerifier(options: Options): TokenVerifier {
  const { service, clock, trust } = options
  const callers = options.callers ?? allowedCallers[service]
  const issuer = options.issuer ?? accessTokenIssuer
  const keys = createPublicKeys({ directory: options.publicKeysDir, clock })
  const check = { clock }

  const accessKey = async (kid: string): Promise<CryptoKey | null> =>
    (await trust.key(kid)) ?? (await keys.find(accessToken.keyName, kid))

  async function verifyAccessToken(token: string): Promise<Verified<Access>> {
    const { payload, kid, expiresAtMs } = await verify(token, { ...check, ...accessToken, issuer, find: accessKey })
    const claims = accessClaims.parse(payload)
    const principal = {
      tenantId: claims.tenant,
      actorId: claims.sub,
      roles: claims.roles,
      subjectId: claims.subject ?? null,
      sessionId: claims.sid ?? null,
      tokenId: claims.jti,
      clientId: claims.client_id ?? null,
      signedInAtMs: claims.auth_time === undefined ? null : claims.auth_time * 1_000,
    }
    return { value: { principal, kid, issuedAtSeconds: claims.iat }, expiresAtMs }
  }

  async function verifyServiceToken(token: string): Promise<Verified<Service>> {
    const caller = callers.find((name) => name === claimedIssuer(token))
    if (!caller) throw new Error('caller not allowed')
    const find = (kid: string) => keys.find(caller, kid)
    const expected = { ...check, ...serviceToken, issuer: caller, audience: service, find }
    const { payload, expiresAtMs } = await verify(token, expected)
    if (payload.sub !== caller) throw new Error('subject is not the issuer')
    return { value: caller, expiresAtMs }
  }

  const access = cached(clock, verifyAccessToken, 'token-invalid')
  return {
    async verifyAccess(token) {
      trust.assertFresh()
      const { principal, kid, issuedAtSeconds } = await access(token)
      const { sessionId, actorId } = principal
      if (trust.isRetired(kid) || trust.isRevoked({ sessionId, actorId, issuedAtSeconds })) {
        throw new ProblemError('token-invalid')
      }
      return principal
    },
    stopOf(tenantId) {
      trust.assertFresh()
      return trust.stopOf(tenantId)
    },
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
  iat: z.number(),
  client_id: z.string().max(200).optional(),
  auth_time: z.number().int().min(0).optional(),
})

type Access = { readonly principal: Principal; readonly kid: string; readonly issuedAtSeconds: number }

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
  readonly find: (kid: string) => Promise<CryptoKey | null>
  readonly typ: string
  readonly issuer: string
  readonly audience: string
  readonly lifeSecondsMax: number
}

type Checked = { readonly payload: JWTPayload; readonly kid: string; readonly expiresAtMs: number }

async function verify(token: string, expected: Expected): Promise<Checked> {
  const header = checkedHeader(token)
  assertPlainJson(token)
  const key = await expected.find(header.kid)
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
  return { payload, kid: header.kid, expiresAtMs: exp * 1_000 }
}

/**
 * Header and payload stand as our signers write them: no member twice (which of the two counts differs from reader to
 * reader), no other spelling of the same text.
 */
function assertPlainJson(token: string): void {
  for (const part of token.split('.').slice(0, 2)) {
    const text = Buffer.from(part, 'base64url').toString('utf8')
    if (JSON.stringify(JSON.parse(text)) !== text) throw new Error('unexpected spelling')
  }
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
