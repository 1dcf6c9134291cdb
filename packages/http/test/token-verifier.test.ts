import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { rereadCoolDownMs } from '../src/keys.ts'
import { createTokenVerifier, type TokenVerifier } from '../src/token-verifier.ts'
import {
  accessTokenOf,
  keysOnDisk,
  rsaPair,
  serviceTokenOf,
  setUpKeys,
  standingClock,
  tenantId,
  writePublicKey,
  type Forgery,
  type KeyPair,
  type KeysOnDisk,
} from './keys-on-disk.ts'

let keys: KeysOnDisk
let access: KeyPair
let verifier: TokenVerifier
const clock = standingClock()
const nowSeconds = clock.nowMs() / 1_000

before(async () => {
  keys = await keysOnDisk(['access', 'gateway', 'q2q', 'ingest'])
  access = keys.pair('access')
  verifier = createTokenVerifier({ service: 'profile', publicKeysDir: keys.publicKeysDir, clock, trust: setUpKeys })
})
after(() => keys[Symbol.asyncDispose]())

const refused = { name: 'ProblemError', code: 'token-invalid' }

test('a token as the gateway signs it says who calls', async () => {
  const principal = await verifier.verifyAccess(await accessTokenOf(access, clock.nowMs()))
  assert.deepEqual(principal, {
    tenantId,
    actorId: 'account-1',
    roles: ['company_admin'],
    subjectId: null,
    sessionId: 'session-1',
    tokenId: 'token-1',
    clientId: null,
    signedInAtMs: null,
  })
})

const forgeries: readonly [string, Forgery][] = [
  ['another type', { header: { typ: 'JWT' } }],
  ['the type of a service token', { header: { typ: 'service+jwt' } }],
  ['no type', { header: { typ: undefined } as never }],
  ['another issuer', { claims: { iss: 'https://example.org' } }],
  ['no issuer', { claims: { iss: undefined } }],
  ['another audience', { claims: { aud: 'profile' } }],
  ['several audiences', { claims: { aud: ['csr-backbone', 'other'] } }],
  ['no audience', { claims: { aud: undefined } }],
  ['an expiry in the past', { claims: { exp: nowSeconds - 61, iat: nowSeconds - 300, nbf: nowSeconds - 300 } }],
  ['no expiry', { claims: { exp: undefined } }],
  ['an expiry that is text', { claims: { exp: 'tomorrow' } }],
  ['a start in the future', { claims: { nbf: nowSeconds + 61 } }],
  ['no start', { claims: { nbf: undefined } }],
  ['an issue time in the future', { claims: { iat: nowSeconds + 61 } }],
  ['no issue time', { claims: { iat: undefined } }],
  ['too long a life', { claims: { exp: nowSeconds + 601 } }],
  ['too long a life by an early start', { claims: { nbf: nowSeconds - 3_600 } }],
  ['no subject', { claims: { sub: undefined } }],
  ['no id', { claims: { jti: undefined } }],
  ['no tenant', { claims: { tenant: undefined } }],
  ['a tenant that is no id', { claims: { tenant: '* or true' } }],
  ['no roles', { claims: { roles: [] } }],
  ['an unknown role', { claims: { roles: ['company_admin', 'root'] } }],
  ['another kid', { header: { kid: 'access-2' } }],
  ['the kid of a service', { header: { kid: 'gateway-1' } }],
  ['no kid', { header: { kid: undefined } as never }],
  ['a kid that is a path', { header: { kid: '../services/gateway' } }],
  ['a kid that is a prototype member', { header: { kid: '__proto__' } }],
  ['jku', { header: { jku: 'http://127.0.0.1:1/jwks.json' } }],
  ['x5u', { header: { x5u: 'http://127.0.0.1:1/cert.pem' } }],
  ['x5c', { header: { x5c: ['MIIB'] } }],
  ['a key of its own', { header: { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } } }],
]

for (const [what, forgery] of forgeries) {
  test(`an access token with ${what} is refused`, async () => {
    await assert.rejects(verifier.verifyAccess(await accessTokenOf(access, clock.nowMs(), forgery)), refused)
  })
}

test('crit and b64 are refused', async () => {
  const token = await accessTokenOf(access, clock.nowMs())
  for (const more of [{ crit: ['exp'] }, { crit: ['b64'], b64: false }]) {
    await assert.rejects(verifier.verifyAccess(withHeader(token, more)), refused)
  }
})

test('no algorithm, an HMAC with the public key, and sibling algorithms are refused', async () => {
  const token = await accessTokenOf(access, clock.nowMs())
  const [, payload = ''] = token.split('.')
  const unsigned = withHeader(token, { alg: 'none' }).split('.').slice(0, 2).join('.')
  await assert.rejects(verifier.verifyAccess(`${unsigned}.`), refused)
  for (const secret of [
    access.publicKey.export({ format: 'pem', type: 'spki' }),
    JSON.stringify(access.publicKey.export({ format: 'jwk' })),
  ]) {
    const header = encode({ alg: 'HS256', typ: 'at+jwt', kid: access.kid })
    const mac = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')
    await assert.rejects(verifier.verifyAccess(`${header}.${payload}.${mac}`), refused)
  }
  for (const alg of ['RS384', 'RS512', 'PS256']) {
    await assert.rejects(
      verifier.verifyAccess(await accessTokenOf(access, clock.nowMs(), { header: { alg } })),
      refused,
    )
  }
})

test('a signature by another key, changed claims, and what is no token are refused', async () => {
  const other = { ...(await rsaPair('access-1')) }
  await assert.rejects(verifier.verifyAccess(await accessTokenOf(other, clock.nowMs())), refused)
  const token = await accessTokenOf(access, clock.nowMs())
  const [header = '', , signature = ''] = token.split('.')
  const changed = encode({ sub: 'account-2', tenant: tenantId, roles: ['platform_admin'] })
  await assert.rejects(verifier.verifyAccess(`${header}.${changed}.${signature}`), refused)
  for (const text of ['', '.', '..', 'a.b.c', `${token}.x`, 'x'.repeat(20_000)]) {
    await assert.rejects(verifier.verifyAccess(text), refused, text.slice(0, 20))
  }
})

test('a verified token is refused once it has expired, cached or not', async () => {
  const moving = standingClock()
  const own = createTokenVerifier({
    service: 'profile',
    publicKeysDir: keys.publicKeysDir,
    clock: moving,
    trust: setUpKeys,
  })
  const token = await accessTokenOf(access, moving.nowMs())
  await own.verifyAccess(token)
  moving.advanceMs(659_000)
  await own.verifyAccess(token)
  moving.advanceMs(1_000)
  await assert.rejects(own.verifyAccess(token), refused)
})

test('a key published later is found, after the cool-down that follows a vain search', async () => {
  const moving = standingClock()
  const own = createTokenVerifier({
    service: 'profile',
    publicKeysDir: keys.publicKeysDir,
    clock: moving,
    trust: setUpKeys,
  })
  const next = await rsaPair('next-1')
  const token = await accessTokenOf(next, moving.nowMs())
  await assert.rejects(own.verifyAccess(token), refused)
  await writePublicKey(keys.publicKeysDir, 'access', next)
  await assert.rejects(own.verifyAccess(token), refused)
  moving.advanceMs(rereadCoolDownMs)
  assert.equal((await own.verifyAccess(token)).tenantId, tenantId)
})

test('a key under 3072 bits, a private key and a file with another kid in it do not count', async () => {
  const moving = standingClock()
  const short = await rsaPair('short-1', 2_048)
  const misnamed = await rsaPair('misnamed-1')
  await writePublicKey(keys.publicKeysDir, 'access', short)
  const jwk = { ...misnamed.publicKey.export({ format: 'jwk' }), kid: 'misnamed-2' }
  await writeFile(join(keys.publicKeysDir, 'access.misnamed-1.json'), JSON.stringify(jwk))
  const open = await rsaPair('open-1')
  const secret = { ...open.privateKey.export({ format: 'jwk' }), kid: 'open-1' }
  await writeFile(join(keys.publicKeysDir, 'access.open-1.json'), JSON.stringify(secret))
  const own = createTokenVerifier({
    service: 'profile',
    publicKeysDir: keys.publicKeysDir,
    clock: moving,
    trust: setUpKeys,
  })
  for (const pair of [short, misnamed, open]) {
    await assert.rejects(own.verifyAccess(await accessTokenOf(pair, moving.nowMs())), refused, pair.kid)
  }
  await own.verifyAccess(await accessTokenOf(access, moving.nowMs()))
})

test('a service token names an allowed caller and this service only', async () => {
  const refusedService = { name: 'ProblemError', code: 'service-token-invalid' }
  const from = (name: string, audience: string, forgery?: Forgery, signer = name): Promise<string> =>
    serviceTokenOf(keys.pair(signer), clock.nowMs(), { caller: name, audience }, forgery)
  assert.equal(await verifier.verifyService(await from('gateway', 'profile')), 'gateway')
  const cases: readonly Promise<string>[] = [
    from('gateway', 'ingest'),
    from('q2q', 'profile'),
    from('ingest', 'profile'),
    from('gateway', 'profile', {}, 'ingest'),
    from('gateway', 'profile', { header: { kid: 'gateway-1' } }, 'ingest'),
    from('gateway', 'profile', { header: { typ: 'at+jwt' } }),
    from('gateway', 'profile', { claims: { sub: 'q2q' } }),
    from('gateway', 'profile', { claims: { exp: nowSeconds + 301 } }),
    from('__proto__', 'profile', {}, 'gateway'),
    accessTokenOf(access, clock.nowMs()),
    accessTokenOf(keys.pair('gateway'), clock.nowMs(), { claims: { iss: 'gateway', sub: 'gateway', aud: 'profile' } }),
  ]
  for (const [index, token] of cases.entries()) {
    await assert.rejects(verifier.verifyService(await token), refusedService, `case ${index}`)
  }
  const fromQ2q = createTokenVerifier({ service: 'safety', publicKeysDir: keys.publicKeysDir, clock, trust: setUpKeys })
  assert.equal(await fromQ2q.verifyService(await from('q2q', 'safety')), 'q2q')
})

test('a service token never passes as an access token', async () => {
  const token = await serviceTokenOf(keys.pair('gateway'), clock.nowMs(), {
    caller: 'gateway',
    audience: 'csr-backbone',
  })
  await assert.rejects(verifier.verifyAccess(token), refused)
})

function encode(members: object): string {
  return Buffer.from(JSON.stringify(members)).toString('base64url')
}

function withHeader(token: string, more: object): string {
  const [header = '', ...rest] = token.split('.')
  const decoded = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
  return [encode({ ...decoded, ...more }), ...rest].join('.')
}
