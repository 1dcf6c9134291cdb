import assert from 'node:assert/strict'
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { services, type Service } from '@csr/contracts/services'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { runCsr } from '../packages/cli/test/run-csr.ts'
import { openSuperuser } from './superuser.ts'

let stack: TestStack
let keys: Keys
before(async () => {
  // forged tokens count for the client: here all of them come from one
  stack = await privateStack({
    env: { GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE: '100000', GATEWAY_LIMIT_USER_PER_MINUTE: '100000' },
  })
  keys = await openKeys()
  // every service has read the gateway's table since: what has retired is refused as retired, not as unknown
  for (const service of services) {
    const accepted = async () =>
      assert.equal(await send(service, [...through(service), bearer(access({ pair: keys.retiring }))]), 200)
    await eventually(accepted, { withinMs: 30_000, what: `a key of the table at ${service}` })
  }
})
after(() => stack?.[Symbol.asyncDispose]())

/** One route of each service that asks for a permission, and the caller who has it. */
const routes: Readonly<Record<Service, string>> = {
  gateway: '/v1/me',
  profile: '/v1/profiles',
  ingest: '/v1/imports',
  q2q: '/v1/outcomes/summary',
  safety: '/v1/safety/reviews',
  privacy: '/v1/privacy/consents?subjectId=0198a000-0000-7000-8000-00000000000b',
  audit: '/v1/audit/events',
}

type Members = Readonly<Record<string, unknown>>
type Pair = { readonly kid: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject }
type Keys = {
  readonly access: Pair
  readonly of: (service: Service) => Pair
  /** in the gateway's table: one that still verifies, one that has retired */
  readonly retiring: Pair
  readonly retired: Pair
}

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1_000)

function accessClaims(): Members {
  const now = seconds()
  return {
    ...{ iss: 'csr-backbone', aud: 'csr-backbone', sub: 'account-1', tenant: stack.document.demo?.tenantId },
    ...{
      roles: ['company_admin'],
      sid: randomUUID(),
      auth_time: now,
      iat: now,
      nbf: now,
      exp: now + 600,
      jti: randomUUID(),
    },
  }
}

function serviceClaims(caller: string, audience: string): Members {
  const now = seconds()
  return { iss: caller, sub: caller, aud: audience, iat: now, nbf: now, exp: now + 300, jti: randomUUID() }
}

/** Members merged over a whole; undefined removes one. */
type Changes = {
  readonly header?: Members
  readonly claims?: Members
  readonly pair?: Pair
  readonly algorithm?: string
}

function compact(header: Members, claims: Members | string, pair: Pair): string {
  const content = `${encode(header)}.${encode(claims)}`
  return `${content}.${sign('sha256', Buffer.from(content), pair.privateKey).toString('base64url')}`
}

function access({ header = {}, claims = {}, pair = keys.access }: Changes = {}): string {
  return compact({ alg: 'RS256', typ: 'at+jwt', kid: pair.kid, ...header }, { ...accessClaims(), ...claims }, pair)
}

function serviceToken(caller: Service, audience: string, { header = {}, claims = {}, pair }: Changes = {}): string {
  const signer = pair ?? keys.of(caller)
  const all = { ...serviceClaims(caller, audience), ...claims }
  return compact({ alg: 'RS256', typ: 'service+jwt', kid: signer.kid, ...header }, all, signer)
}

/** Another family or another key under the header it asks for. */
function otherwise(alg: string, signature: (content: string) => Buffer | string): string {
  const content = `${encode({ alg, typ: 'at+jwt', kid: keys.access.kid })}.${encode(accessClaims())}`
  const made = signature(content)
  return `${content}.${typeof made === 'string' ? made : made.toString('base64url')}`
}

const hmac =
  (secret: string | Buffer, digest = 'sha256') =>
  (content: string): Buffer =>
    createHmac(digest, secret).update(content).digest()
const pss = (content: string): Buffer =>
  sign('sha256', Buffer.from(content), { key: keys.access.privateKey, padding: 6, saltLength: 32 })
const rsa =
  (digest: string) =>
  (content: string): Buffer =>
    sign(digest, Buffer.from(content), keys.access.privateKey)

/** Name by name: what somebody might send in the `authorization` header instead of an access token. */
function forgedAccessTokens(): Readonly<Record<string, string>> {
  const now = seconds()
  const good = access()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const pem = keys.access.publicKey.export({ format: 'pem', type: 'spki' })
  const stranger = { ...newPair(), kid: keys.access.kid }
  const jwk = stranger.publicKey.export({ format: 'jwk' })
  const swapped = signature.slice(0, 40) + (signature[40] === 'A' ? 'B' : 'A') + signature.slice(41)
  const duplicate = JSON.stringify(accessClaims()).replace('"sub":"account-1"', '"sub":"account-2","sub":"account-1"')
  return {
    'no algorithm, no signature': otherwise('none', () => ''),
    'no algorithm, spelled otherwise': otherwise('nOnE', () => ''),
    'no algorithm, a signature': otherwise('none', rsa('sha256')),
    'HS256 keyed with the public key': otherwise('HS256', hmac(pem)),
    'HS256 keyed with the public JWK': otherwise(
      'HS256',
      hmac(JSON.stringify(keys.access.publicKey.export({ format: 'jwk' }))),
    ),
    'HS256 with an empty key': otherwise('HS256', hmac('')),
    'HS512 keyed with the public key': otherwise('HS512', hmac(pem, 'sha512')),
    'the sibling PS256': otherwise('PS256', pss),
    'RS256 said, PS256 signed': otherwise('RS256', pss),
    'the sibling RS384': otherwise('RS384', rsa('sha384')),
    'the sibling RS512': otherwise('RS512', rsa('sha512')),
    'ES256 of an own key': otherwise('ES256', (content) => sign('sha256', Buffer.from(content), ecKey)),
    'an own key under a known kid': access({ pair: stranger }),
    'an own key brought along': access({ pair: stranger, header: { jwk } }),
    jku: access({ pair: stranger, header: { jku: 'http://127.0.0.1:9/jwks.json' } }),
    x5u: access({ pair: stranger, header: { x5u: 'http://127.0.0.1:9/key.pem' } }),
    x5c: access({ pair: stranger, header: { x5c: ['MIIB'] } }),
    'jku beside a good signature': access({ header: { jku: 'http://127.0.0.1:9/jwks.json' } }),
    crit: access({ header: { crit: ['exp'] } }),
    'crit with b64': access({ header: { crit: ['b64'], b64: false } }),
    b64: access({ header: { b64: false } }),
    'an unknown kid': access({ header: { kid: 'unknown' } }),
    'a kid that climbs': access({ header: { kid: '../services/gateway.key' } }),
    'a kid that asks the database': access({ header: { kid: "' or true --" } }),
    'a kid of the prototype': access({ header: { kid: '__proto__' } }),
    'a kid that is a list': access({ header: { kid: [keys.access.kid] } }),
    'no kid': access({ header: { kid: undefined } }),
    'the kid of a service': access({ header: { kid: keys.of('gateway').kid } }),
    'a service’s key': access({ pair: keys.of('gateway') }),
    'a key that has retired': access({ pair: keys.retired }),
    'the type JWT': access({ header: { typ: 'JWT' } }),
    'no type': access({ header: { typ: undefined } }),
    'an ID token': access({
      header: { typ: 'JWT' },
      claims: { aud: 'client-1', iss: 'https://accounts.example.org', nonce: 'n' },
    }),
    'an ID token for our audience': access({ header: { typ: undefined }, claims: { nonce: 'n', azp: 'csr-backbone' } }),
    'a logout token': access({ header: { typ: 'logout+jwt' } }),
    'the issuer of somebody else': access({ claims: { iss: 'https://example.org' } }),
    'no issuer': access({ claims: { iss: undefined } }),
    'issuers in a list': access({ claims: { iss: ['csr-backbone'] } }),
    'the audience of somebody else': access({ claims: { aud: 'profile' } }),
    'no audience': access({ claims: { aud: undefined } }),
    'a list of audiences': access({ claims: { aud: ['csr-backbone', 'other'] } }),
    'a list of one audience': access({ claims: { aud: ['csr-backbone'] } }),
    expired: access({ claims: { iat: now - 700, nbf: now - 700, exp: now - 100 } }),
    'no expiry': access({ claims: { exp: undefined } }),
    'an expiry in words': access({ claims: { exp: 'tomorrow' } }),
    'an endless expiry': access({ claims: { exp: Number.MAX_SAFE_INTEGER } }),
    'a life of eleven minutes': access({ claims: { exp: now + 660 } }),
    'a start in the future': access({ claims: { nbf: now + 120 } }),
    'no start': access({ claims: { nbf: undefined } }),
    'issued in the future': access({ claims: { iat: now + 120, exp: now + 600 } }),
    'no time of issue': access({ claims: { iat: undefined } }),
    'no subject': access({ claims: { sub: undefined } }),
    'an empty subject': access({ claims: { sub: '' } }),
    'no id': access({ claims: { jti: undefined } }),
    'no tenant': access({ claims: { tenant: undefined } }),
    'a tenant that is none': access({ claims: { tenant: '*' } }),
    'no roles': access({ claims: { roles: [] } }),
    'a role that is none': access({ claims: { roles: ['company_admin', 'root'] } }),
    'roles in a word': access({ claims: { roles: 'company_admin' } }),
    'a member twice': compact({ alg: 'RS256', typ: 'at+jwt', kid: keys.access.kid }, duplicate, keys.access),
    'another payload': `${header}.${encode({ ...accessClaims(), roles: ['platform_admin'] })}.${signature}`,
    'another signature': `${header}.${payload}.${swapped}`,
    'no signature': `${header}.${payload}.`,
    'half a signature': `${header}.${payload}.${signature.slice(0, 256)}`,
    'two parts': `${header}.${payload}`,
    'four parts': `${good}.x`,
    'a dot behind it': `${good}.`,
    'five parts, as encrypted': `${good}.${payload}.${signature}`,
    'in JSON form': encode({ payload, signatures: [{ protected: header, signature }] }),
    'more than it may be': access({ claims: { padding: 'x'.repeat(9_000) } }),
    'an empty token': '',
    'a service token for this service': serviceToken('gateway', 'profile'),
    'a service token with our audience': serviceToken('gateway', 'csr-backbone'),
    'a service token by the key of access tokens': serviceToken('gateway', 'csr-backbone', { pair: keys.access }),
    'a refresh token': 'A'.repeat(43),
    'an export’s link': Buffer.alloc(32, 7).toString('base64url'),
    'an invitation': 'B'.repeat(43),
  }
}

/** What somebody might send in `x-service-token` instead of the gateway's token, with a good access token beside it. */
function forgedServiceTokens(service: Service): Readonly<Record<string, string>> {
  const now = seconds()
  const good = serviceToken('gateway', service)
  const [header = '', payload = ''] = good.split('.')
  const elsewhere = services.find((name) => name !== service && name !== 'gateway') ?? 'audit'
  const stranger = { ...newPair(), kid: keys.of('gateway').kid }
  return {
    'an access token': access(),
    'an access token that says it is the gateway': access({ claims: { iss: 'gateway', sub: 'gateway', aud: service } }),
    'the audience of another service': serviceToken('gateway', elsewhere),
    'a list of audiences': serviceToken('gateway', service, { claims: { aud: [service, elsewhere] } }),
    'no audience': serviceToken('gateway', service, { claims: { aud: undefined } }),
    'a service that may not call': serviceToken(service === 'ingest' ? 'profile' : 'ingest', service),
    'q2q where only the gateway may': serviceToken('q2q', service),
    itself: serviceToken(service, service),
    'another’s name on an own key': serviceToken('gateway', service, { pair: keys.of('ingest') }),
    'another’s name and kid on an own key': serviceToken('gateway', service, { pair: stranger }),
    'a subject that is not the issuer': serviceToken('gateway', service, { claims: { sub: 'q2q' } }),
    'the type of access tokens': serviceToken('gateway', service, { header: { typ: 'at+jwt' } }),
    'no type': serviceToken('gateway', service, { header: { typ: undefined } }),
    expired: serviceToken('gateway', service, { claims: { iat: now - 400, nbf: now - 400, exp: now - 100 } }),
    'a life of six minutes': serviceToken('gateway', service, { claims: { exp: now + 360 } }),
    'issued in the future': serviceToken('gateway', service, { claims: { iat: now + 120 } }),
    'no algorithm': `${encode({ alg: 'none', typ: 'service+jwt', kid: keys.of('gateway').kid })}.${payload}.`,
    'no signature': `${header}.${payload}.`,
    'an issuer of the prototype': serviceToken('gateway', service, { claims: { iss: '__proto__', sub: '__proto__' } }),
    nothing: '',
  }
}

type Sent = readonly (readonly [name: string, value: string])[]

/** Headers as they stand, also twice; the status. */
function send(service: Service, headers: Sent): Promise<number> {
  const url = new URL(routes[service], stack.document.services[service]?.url)
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: [['host', url.host], ...headers].flat() }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end()
  })
}

const bearer = (token: string): Sent[number] => ['authorization', `Bearer ${token}`]
const through = (service: Service): Sent =>
  service === 'gateway' ? [] : [['x-service-token', serviceToken('gateway', service)]]

for (const service of services) {
  test(`no forged access token is accepted by ${service}, the good ones are`, async () => {
    const forged = forgedAccessTokens()
    assert.ok(Object.keys(forged).length >= 60, `${Object.keys(forged).length} forgeries`)
    const accepted: string[] = []
    for (const [name, token] of Object.entries(forged)) {
      const status = await send(service, [...through(service), bearer(token)])
      if (status !== 401 && status !== 431) accepted.push(`${name}: ${status}`)
    }
    assert.deepEqual(accepted, [])
    for (const good of [access(), access({ pair: keys.retiring }), await stack.token({ role: 'company_admin' })]) {
      assert.equal(await send(service, [...through(service), bearer(good)]), 200)
    }
  })

  test(`a good token in a wrong place or form is not accepted by ${service}`, async () => {
    const good = access()
    const forms: Readonly<Record<string, Sent>> = {
      'no header': [],
      'no scheme': [['authorization', good]],
      'another scheme': [['authorization', `Basic ${good}`]],
      'a comma list': [['authorization', `Bearer ${good}, Bearer ${good}`]],
      'two spaces': [['authorization', `Bearer  ${good}`]],
      'a tab': [['authorization', `Bearer\t${good}`]],
      'a word behind it': [['authorization', `Bearer ${good} x`]],
      'in quotes': [['authorization', `Bearer "${good}"`]],
      twice: [bearer(good), bearer(good)],
      'after a forged one': [bearer(access({ claims: { exp: 1 } })), bearer(good)],
      'before a forged one': [bearer(good), bearer('x')],
      'under another name': [['x-authorization', `Bearer ${good}`]],
      'as a cookie': [['cookie', `__Host-csr-session=${good}`]],
      'claimed in plain headers': [
        ['x-user-id', 'account-1'],
        ['x-tenant-id', String(stack.document.demo?.tenantId)],
      ],
    }
    for (const [name, headers] of Object.entries(forms)) {
      const status = await send(service, [...through(service), ...headers])
      assert.ok(status === 401 || status === 400, `${name}: ${status}`)
    }
    const spelled: Sent = [...through(service), ['Authorization', `bearer ${good}`]]
    assert.equal(await send(service, spelled), 200, 'the scheme may be in lower case')
  })
}

for (const service of services.filter((name) => name !== 'gateway')) {
  test(`no forged service token is accepted by ${service}, the gateway’s is`, async () => {
    for (const [name, token] of Object.entries(forgedServiceTokens(service))) {
      assert.equal(await send(service, [['x-service-token', token], bearer(access())]), 401, name)
    }
    assert.equal(await send(service, [bearer(access())]), 401, 'without one')
    const twice: Sent = [...through(service), ...through(service), bearer(access())]
    assert.equal(await send(service, twice), 400, 'two of them')
    assert.equal(await send(service, [...through(service), bearer(access())]), 200)
  })
}

test('P8: a token whose session was ended is refused on every port within a minute', async () => {
  const revoked = await stack.token({ role: 'company_admin' })
  for (const service of services)
    assert.equal(await send(service, [...through(service), bearer(revoked)]), 200, service)
  const logout = new URL('/v1/auth/logout', stack.document.gateway)
  const answer = await fetch(logout, { method: 'POST', headers: { authorization: `Bearer ${revoked}` } })
  assert.equal(answer.status, 200)
  assert.equal(await send('gateway', [bearer(revoked)]), 401, 'at once where it was ended')
  await eventually(
    async () => {
      for (const service of services)
        assert.equal(await send(service, [...through(service), bearer(revoked)]), 401, service)
    },
    { withinMs: 60_000, what: 'the refusal everywhere' },
  )
})

test('csr rotates the signing key: the next one is announced, and the old one goes on verifying', async () => {
  const csr = async (...args: string[]): Promise<{ code: number | null; stdout: string }> =>
    await runCsr(['keys', ...args, '--json', '--data-dir', stack.directory.path])
  const rotated = await csr('rotate', '--signing')
  assert.equal(rotated.code, 0, rotated.stdout)
  const { fromKid, toKid, activeFrom, retiresAt } = JSON.parse(rotated.stdout) as Record<string, string>
  assert.equal(fromKid, keys.access.kid)
  assert.equal(Date.parse(retiresAt ?? '') - Date.parse(activeFrom ?? ''), 12 * 60_000)
  const { signing } = JSON.parse((await csr('status')).stdout) as { signing: { kid: string; state: string }[] }
  assert.equal(
    signing.find(({ kid }) => kid === fromKid)?.state,
    'active',
    'until the next one has been public for a minute',
  )
  assert.ok(signing.some(({ kid, state }) => kid !== toKid && state === 'next'))
  assert.equal((await csr('rotate', '--signing')).code, 1, 'one rotation at a time')
  for (const service of services)
    assert.equal(await send(service, [...through(service), bearer(access())]), 200, service)
})

let ecKey: KeyObject
let rsaPair: Pick<Pair, 'privateKey' | 'publicKey'>
const newPair = (): Pair => ({ kid: `test-${randomUUID()}`, ...rsaPair })

async function openKeys(): Promise<Keys> {
  ecKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  rsaPair = generateKeyPairSync('rsa', { modulusLength: 3_072 })
  const { secretsDir } = stack.directory
  const read = (file: string): Pair => {
    const jwk = JSON.parse(readFileSync(file, 'utf8')) as { kid: string }
    const privateKey = createPrivateKey({ key: jwk as never, format: 'jwk' })
    return { kid: jwk.kid, privateKey, publicKey: createPublicKey(privateKey) }
  }
  const [accessFile = ''] = readdirSync(join(secretsDir, 'access'))
  const [retiring, retired] = [newPair(), newPair()]
  await publish(retiring, null)
  await publish(retired, '2026-01-01T00:00:00Z')
  return {
    access: read(join(secretsDir, 'access', accessFile)),
    of: (service) => read(join(secretsDir, 'services', `${service}.key.json`)),
    ...{ retiring, retired },
  }
}

/** A key of the past in the gateway's table. */
async function publish({ kid, publicKey }: Pair, retiresAt: string | null): Promise<void> {
  const sql = await openSuperuser(stack)
  const { n, e } = publicKey.export({ format: 'jwk' })
  const jwk = { kty: 'RSA', alg: 'RS256', use: 'sig', kid, n: n ?? '', e: e ?? '' }
  await sql`
    insert into gateway.signing_keys (tenant_id, kid, key_id, public_jwk, published_at, active_from, retires_at)
    values ('00000000-0000-7000-8000-000000000000', ${kid}, ${randomUUID()}, ${sql.json(jwk)}, '2020-01-01', '2020-01-01', ${retiresAt})`
  await sql.end()
}
