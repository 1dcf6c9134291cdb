import { generateKeyPair, type KeyObject } from 'node:crypto'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SignJWT, type JWTHeaderParameters } from 'jose'

export type KeyPair = { readonly kid: string; readonly publicKey: KeyObject; readonly privateKey: KeyObject }

export async function rsaPair(kid: string, modulusLength = 3_072): Promise<KeyPair> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength })
  return { kid, ...pair }
}

/** A directory of keys as the stack makes it; removed with the test. */
export async function keysOnDisk(names: readonly string[]): Promise<KeysOnDisk> {
  const directory = await mkdtemp(join(tmpdir(), 'csr-keys-'))
  const publicKeysDir = join(directory, 'public')
  await mkdir(publicKeysDir)
  const pairs = new Map<string, KeyPair>()
  const keyFile = (name: string): string => join(directory, `${name}.key.json`)
  for (const name of names) {
    const pair = await rsaPair(`${name}-1`)
    pairs.set(name, pair)
    await writeFile(keyFile(name), JSON.stringify({ ...pair.privateKey.export({ format: 'jwk' }), kid: pair.kid }))
    await writePublicKey(publicKeysDir, name, pair)
  }
  return {
    publicKeysDir,
    keyFile,
    pair: (name) => {
      const pair = pairs.get(name)
      if (!pair) throw new Error(`no key ${name}`)
      return pair
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
}

export type KeysOnDisk = AsyncDisposable & {
  readonly publicKeysDir: string
  keyFile(name: string): string
  pair(name: string): KeyPair
}

export async function writePublicKey(directory: string, name: string, pair: KeyPair): Promise<void> {
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: pair.kid }
  await writeFile(join(directory, `${name}.${pair.kid}.json`), JSON.stringify(jwk))
}

export const tenantId = '0198a000-0000-7000-8000-00000000000a'

export type Forgery = {
  readonly header?: Partial<JWTHeaderParameters> & Record<string, unknown>
  readonly claims?: Record<string, unknown>
}

/** Signs what an access token would say, with the given members changed; `undefined` removes one. */
export async function accessTokenOf(pair: KeyPair, nowMs: number, forgery: Forgery = {}): Promise<string> {
  const now = Math.floor(nowMs / 1_000)
  const claims = {
    iss: 'csr-backbone',
    aud: 'csr-backbone',
    sub: 'account-1',
    tenant: tenantId,
    roles: ['company_admin'],
    sid: 'session-1',
    jti: 'token-1',
    iat: now,
    nbf: now,
    exp: now + 600,
    ...forgery.claims,
  }
  const header = { alg: 'RS256', typ: 'at+jwt', kid: pair.kid, ...forgery.header }
  return await new SignJWT(claims).setProtectedHeader(header).sign(pair.privateKey)
}

export async function serviceTokenOf(
  pair: KeyPair,
  nowMs: number,
  between: { readonly caller: string; readonly audience: string },
  forgery: Forgery = {},
): Promise<string> {
  const { caller, audience } = between
  const now = Math.floor(nowMs / 1_000)
  const claims = {
    iss: caller,
    sub: caller,
    aud: audience,
    jti: 'token-2',
    iat: now,
    nbf: now,
    exp: now + 300,
    ...forgery.claims,
  }
  const header = { alg: 'RS256', typ: 'service+jwt', kid: pair.kid, ...forgery.header }
  return await new SignJWT(claims).setProtectedHeader(header).sign(pair.privateKey)
}

/** A clock that stands until it is moved. */
export function standingClock(startMs = 1_795_168_800_000): {
  nowMs(): number
  now(): string
  advanceMs(ms: number): void
} {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    now: () => new Date(nowMs).toISOString(),
    advanceMs: (ms) => void (nowMs += ms),
  }
}

/** The gateway's tables with nothing in them: keys of the directory only, nothing revoked. */
export const setUpKeys = {
  assertFresh: () => undefined,
  key: async () => null,
  isRetired: () => false,
  isRevoked: () => false,
  stopOf: () => null,
}
