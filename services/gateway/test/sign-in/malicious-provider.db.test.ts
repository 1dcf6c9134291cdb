import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { fakeClock } from '@csr/testkit/fake-clock'
import {
  clientId,
  clientSecret,
  directory,
  makeKey,
  maliciousProvider,
  otherDirectory,
  part,
  publicJwk,
  type MaliciousProvider,
  type Wrong,
} from './malicious-provider.ts'
import { openSignInDoor, type SignInDoor } from './sign-in-door.ts'

const clock = fakeClock(new Date().toISOString())
let provider: MaliciousProvider
let door: SignInDoor

before(async () => {
  provider = await maliciousProvider(clock)
  door = await openSignInDoor(clock, {
    google: { issuer: `${provider.origin}/google`, allowed: ['company.example.org'] },
    azure: { issuer: `${provider.origin}/azure/organizations/v2.0`, allowed: [directory] },
  })
})
after(async () => {
  await door[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})
beforeEach(() => {
  // keys are asked for anew in each test
  clock.advanceMs(1_000_000)
  provider.forget()
  door.identities.length = 0
  door.failures.length = 0
})

type Case = { readonly wrong: Wrong; readonly reason: string; readonly at?: 'google' | 'azure' }

const claims = (changes: Record<string, unknown>, reason: string, at: Case['at'] = 'google'): Case => ({
  ...{ at, reason },
  wrong: { claims: (usual) => ({ ...usual, ...changes }) },
})
/** Times in seconds from now. */
const times = (changes: Record<string, number>): Case => ({
  reason: 'time-wrong',
  wrong: {
    claims: (usual) => {
      const now = Math.floor(clock.nowMs() / 1_000)
      return { ...usual, ...Object.fromEntries(Object.entries(changes).map(([name, from]) => [name, now + from])) }
    },
  },
})
const header = (changes: Record<string, unknown>, reason: string): Case => ({
  ...{ reason },
  wrong: { header: (usual) => ({ ...usual, ...changes }) },
})
const response = (change: NonNullable<Wrong['response']>, reason: string, at: Case['at'] = 'google'): Case => ({
  ...{ at, reason },
  wrong: { response: change },
})
const token = (make: NonNullable<Wrong['token']>, reason: string): Case => ({ reason, wrong: { token: make } })
const answered = (make: NonNullable<Wrong['tokenAnswer']>, reason: string): Case => ({
  ...{ reason },
  wrong: { tokenAnswer: make },
})

const stranger = makeKey()
const short = makeKey(1_024)
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function hmacWith(secret: string | Buffer): NonNullable<Wrong['token']> {
  return (_right, tools) => {
    const signed = `${part({ ...tools.header, alg: 'HS256' })}.${part(tools.claims)}`
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
  }
}

const cases: Readonly<Record<string, Case>> = {
  'token of another issuer': claims({ iss: 'https://accounts.example.org' }, 'issuer-wrong'),
  'token of the issuer with a slash more': {
    reason: 'issuer-wrong',
    wrong: { claims: (usual) => ({ ...usual, iss: `${String(usual['iss'])}/` }) },
  },
  'token without issuer': claims({ iss: undefined }, 'answer-malformed'),
  'token for another application': claims({ aud: 'another-application' }, 'audience-wrong'),
  'token without audience': claims({ aud: undefined }, 'answer-malformed'),
  'token for us and another application': claims({ aud: [clientId, 'another-application'] }, 'token-malformed'),
  'token for us that another application asked for': claims({ azp: 'another-application' }, 'audience-wrong'),
  'nonce of somebody else': claims({ nonce: 'a'.repeat(43) }, 'nonce-wrong'),
  'no nonce': claims({ nonce: undefined }, 'answer-malformed'),
  'nonce that is no text': claims({ nonce: ['x'] }, 'nonce-wrong'),
  'signed by a key that is not published, under the id of one that is': {
    reason: 'signature-wrong',
    wrong: { key: stranger.privateKey },
  },
  'signed by a key that is not published, under its own id': {
    reason: 'key-unknown',
    wrong: { key: stranger.privateKey, header: (usual) => ({ ...usual, kid: stranger.kid }) },
  },
  'no key id': header({ kid: undefined }, 'key-unknown'),
  'key id that is a path': header({ kid: '../../../etc/passwd' }, 'key-unknown'),
  'alg none, no signature': token((_, tools) => `${part({ alg: 'none' })}.${part(tools.claims)}.`, 'answer-malformed'),
  'right header, no signature': token((right) => `${right.slice(0, right.lastIndexOf('.'))}.`, 'signature-wrong'),
  'claims changed after signing': token((right, tools) => {
    const [head, , signature] = right.split('.')
    return `${head}.${part({ ...tools.claims, sub: 'person-2' })}.${signature}`
  }, 'signature-wrong'),
  'HS256 with the public key as secret': token(
    (right, tools) => hmacWith(tools.published.publicKey.export({ format: 'pem', type: 'spki' }))(right, tools),
    'answer-malformed',
  ),
  'HS256 with our client secret': token(hmacWith(clientSecret), 'answer-malformed'),
  'RS512 by the right key': token((_, tools) => {
    const signed = `${part({ ...tools.header, alg: 'RS512' })}.${part(tools.claims)}`
    return `${signed}.${signBytes('sha512', Buffer.from(signed), tools.published.privateKey).toString('base64url')}`
  }, 'answer-malformed'),
  'ES256 by a key in its own header': token((_, tools) => {
    const jwk = elliptic.publicKey.export({ format: 'jwk' })
    const signed = `${part({ alg: 'ES256', jwk })}.${part(tools.claims)}`
    return `${signed}.${signBytes('sha256', Buffer.from(signed), elliptic.privateKey).toString('base64url')}`
  }, 'answer-malformed'),
  'key in the header of the token': {
    reason: 'signature-wrong',
    wrong: { key: stranger.privateKey, header: (usual) => ({ ...usual, jwk: publicJwk(stranger) }) },
  },
  'extensions that must be understood': header({ crit: ['b64'], b64: false }, 'answer-malformed'),
  'token that expired': times({ iat: -7_200, exp: -3_600 }),
  'token from the future': times({ iat: 600, exp: 3_600 }),
  'token that is not valid yet': times({ nbf: 600 }),
  'token that lives for a year': times({ exp: 31_536_000 }),
  'token without expiry': claims({ exp: undefined }, 'answer-malformed'),
  'token without time of issue': claims({ iat: undefined }, 'answer-malformed'),
  'expiry that is a text': claims({ exp: 'tomorrow' }, 'answer-malformed'),
  'token about nobody': claims({ sub: undefined }, 'answer-malformed'),
  'subject that is empty': claims({ sub: '' }, 'token-malformed'),
  'subject with a line break': claims({ sub: 'person-1\nperson-2' }, 'token-malformed'),
  'subject of 300 characters': claims({ sub: 'x'.repeat(300) }, 'token-malformed'),
  'no ID token at all': answered((answer) => ({ ...answer, id_token: undefined }), 'answer-malformed'),
  'ID token that is a number': answered((answer) => ({ ...answer, id_token: 7 }), 'answer-malformed'),
  'ID token that is no token': token(() => 'not-a-token', 'answer-malformed'),
  'encrypted token': token((right) => `${right}.x.y`, 'answer-malformed'),
  'answer that is a list': answered((answer) => [answer], 'answer-malformed'),
  'answer without access token': answered((answer) => ({ ...answer, access_token: undefined }), 'answer-malformed'),
  'answer that is no JSON': {
    reason: 'answer-malformed',
    wrong: {
      answer: (path, reply) =>
        path.endsWith('/token') && (reply.writeHead(200, { 'content-type': 'text/html' }).end('<html>'), true),
    },
  },
  'token endpoint that refuses': {
    reason: 'code-refused',
    wrong: {
      answer: (path, reply) =>
        path.endsWith('/token') &&
        (reply.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'), true),
    },
  },
  'key set with a key of 1024 bits that signed': {
    reason: 'token-malformed',
    wrong: {
      key: short.privateKey,
      header: (usual) => ({ ...usual, kid: short.kid }),
      answer: (path, reply) =>
        path.endsWith('/keys') &&
        (reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [publicJwk(short)] })),
        true),
    },
  },
  'response of another issuer': response((sent) => sent.set('iss', 'https://accounts.example.org'), 'issuer-wrong'),
  'response without the issuer that is announced': response((sent) => sent.delete('iss'), 'issuer-wrong'),
  'response without state': response((sent) => sent.delete('state'), 'state-unknown'),
  'response with a state of somebody else': response((sent) => sent.set('state', 'a'.repeat(43)), 'state-unknown'),
  'response with a state cut short': response(
    (sent) => sent.set('state', (sent.get('state') ?? '').slice(0, 42)),
    'state-unknown',
  ),
  'response with two states': response((sent) => sent.append('state', 'b'.repeat(43)), 'response-malformed'),
  'response with two codes': response((sent) => sent.append('code', 'x'), 'response-malformed'),
  'response with two issuers': response((sent) => sent.append('iss', 'x'), 'response-malformed'),
  'response with a code of 5,000 characters': response(
    (sent) => sent.set('code', 'x'.repeat(5_000)),
    'response-malformed',
  ),
  'response with an empty code': response((sent) => sent.set('code', ''), 'response-malformed'),
  'response without code': response((sent) => sent.delete('code'), 'response-malformed'),
  'response with a made-up code': response((sent) => sent.set('code', 'made-up'), 'code-refused'),
  'response with an ID token of its own': response((sent) => sent.set('id_token', 'x.y.z'), 'response-malformed'),
  'response as a signed document': response((sent) => sent.set('response', 'x.y.z'), 'response-malformed'),
  'person declined': response((sent) => (sent.delete('code'), sent.set('error', 'access_denied')), 'provider-refused'),
  'error and a code at once': response((sent) => sent.set('error', 'access_denied'), 'provider-refused'),
  'error with markup in it': response((sent) => sent.set('error', '<script>alert(1)</script>'), 'provider-refused'),
  'address that is not verified': claims({ email_verified: false }, 'email-unverified'),
  'address that is verified as a text': claims({ email_verified: 'true' }, 'email-unverified'),
  'no word on whether the address is verified': claims({ email_verified: undefined }, 'email-unverified'),
  'hosted domain of another company': claims({ hd: 'other.example.org' }, 'organisation-not-allowed'),
  'address in our domain, hosted domain of another': claims(
    { email: 'ada@company.example.org', hd: 'other.example.org' },
    'organisation-not-allowed',
  ),
  'private account with an address in our domain': claims({ hd: undefined }, 'organisation-not-allowed'),
  'hosted domain that only ends like ours': claims({ hd: 'evil-company.example.org' }, 'organisation-not-allowed'),
  'hosted domain that is a list': claims({ hd: ['company.example.org'] }, 'token-malformed'),
  'hosted domain with a NUL': claims({ hd: 'company.example.org\u0000' }, 'token-malformed'),
  'directory that is not allowed, with its own issuer': {
    ...{ at: 'azure', reason: 'organisation-not-allowed' },
    wrong: {
      claims: (usual) => ({
        ...usual,
        tid: otherDirectory,
        iss: String(usual['iss']).replace(directory, otherDirectory),
      }),
    },
  },
  'directory that is allowed, issuer of another': {
    ...{ at: 'azure', reason: 'issuer-wrong' },
    wrong: { claims: (usual) => ({ ...usual, iss: String(usual['iss']).replace(directory, otherDirectory) }) },
  },
  'directory of another, issuer that is allowed': claims({ tid: otherDirectory }, 'issuer-wrong', 'azure'),
  'no directory': claims({ tid: undefined }, 'issuer-wrong', 'azure'),
  'directory that is a word': claims({ tid: 'common' }, 'issuer-wrong', 'azure'),
  'directory in capitals': claims({ tid: directory.toUpperCase() }, 'issuer-wrong', 'azure'),
  'directory that climbs a path': claims({ tid: `x/../${directory}` }, 'issuer-wrong', 'azure'),
  'directory that is a list': claims({ tid: [directory] }, 'issuer-wrong', 'azure'),
  'the template itself as issuer': {
    ...{ at: 'azure', reason: 'issuer-wrong' },
    wrong: { claims: (usual) => ({ ...usual, iss: String(usual['iss']).replace(directory, '{tenantid}') }) },
  },
  'the template as issuer and as directory': {
    ...{ at: 'azure', reason: 'issuer-wrong' },
    wrong: {
      claims: (usual) => ({
        ...usual,
        tid: '{tenantid}',
        iss: String(usual['iss']).replace(directory, '{tenantid}'),
      }),
    },
  },
  'issuer of an older version of Entra': claims(
    { iss: `https://sts.example.org/${directory}/` },
    'issuer-wrong',
    'azure',
  ),
  'Entra: response that names another issuer': response(
    (sent) => sent.set('iss', `https://login.example.org/${directory}/v2.0`),
    'issuer-wrong',
    'azure',
  ),
  'Entra: response of another directory than its token': response(
    (sent) => sent.set('iss', `${provider.origin}/azure/${otherDirectory}/v2.0`),
    'issuer-wrong',
    'azure',
  ),
  'Entra: nonce of somebody else': claims({ nonce: 'a'.repeat(43) }, 'nonce-wrong', 'azure'),
  'Entra: token for another application': claims({ aud: 'another-application' }, 'audience-wrong', 'azure'),
  'Entra: signed by a key that is not published': {
    ...{ at: 'azure', reason: 'signature-wrong' },
    wrong: { key: stranger.privateKey },
  },
  'Entra: token endpoint that refuses': response((sent) => sent.set('code', 'made-up'), 'code-refused', 'azure'),
}

test('at least 30 ways to cheat are tried', () => {
  assert.ok(Object.keys(cases).length >= 30, `only ${Object.keys(cases).length}`)
})

for (const [name, { wrong, reason, at = 'google' }] of Object.entries(cases)) {
  test(`refused: ${name}`, async () => {
    const browser = door.browser()
    const location = await browser.start(at)
    provider.wrong = wrong
    const { status, headers, body } = await browser.get(provider.visit(location))
    assert.deepEqual(door.failures, [{ provider: at, code: reason }])
    assert.equal(status, 401)
    assert.deepEqual({ ...body, instance: '' }, refusal)
    assert.deepEqual(door.identities, [])
    assert.deepEqual(headers.getSetCookie(), [])
    assert.equal(headers.get('location'), null)
  })
}

/** The same for every reason. */
const refusal = { type: '/problems/sign-in-refused', title: 'Sign-in not accepted', status: 401, instance: '' }

test('the same door takes who signs in honestly, before and after all this', async () => {
  for (const at of ['google', 'azure']) {
    const browser = door.browser()
    const { status, location } = await browser.get(provider.visit(await browser.start(at)))
    assert.deepEqual([status, location], [303, '/docs'])
  }
  assert.equal(door.identities.length, 2)
  assert.deepEqual(door.failures, [])
})

test('the address of another person makes nobody that person: the account is issuer and subject', async () => {
  provider.wrong = { claims: (usual) => ({ ...usual, sub: 'attacker', email: 'victim@company.example.org' }) }
  const browser = door.browser()
  await browser.get(provider.visit(await browser.start('google')))
  assert.equal(door.identities[0]?.subject, 'attacker')
  provider.wrong = {
    claims: (usual) => ({ ...usual, sub: 'attacker', email: 'victim@company.example.org', email_verified: true }),
  }
  await browser.get(provider.visit(await browser.start('azure')))
  assert.equal(door.identities[1]?.subject, 'attacker')
  assert.equal(door.identities[1]?.emailVerified, false)
  assert.notEqual(door.identities[0]?.issuer, door.identities[1]?.issuer)
})

test('mix-up: an answer is taken at the callback of its own provider only', async () => {
  const browser = door.browser()
  const google = provider.visit(await browser.start('google'))
  const azure = provider.visit(await browser.start('azure'))
  const swapped = [google.replace('/google?', '/azure?'), azure.replace('/azure?', '/google?')]
  for (const address of swapped) assert.equal((await browser.get(address)).status, 401)
  const crossed = new URL(google)
  crossed.searchParams.set('code', new URL(azure).searchParams.get('code') ?? '')
  crossed.searchParams.delete('iss')
  assert.equal((await browser.get(crossed.href)).status, 401)
  assert.deepEqual(door.identities, [])
  assert.deepEqual(
    door.failures.map(({ code }) => code),
    Array.from({ length: 2 }, () => 'state-unknown').concat('issuer-wrong'),
  )
  assert.equal(provider.count('/token'), 0, 'no code went to the other provider')
})

test('no address in a token causes a fetch', async () => {
  const bait = `${provider.origin}/bait`
  provider.wrong = {
    key: stranger.privateKey,
    header: (usual) => ({ ...usual, jku: bait, x5u: bait, kid: bait, x5c: ['x'] }),
    claims: (usual) => ({ ...usual, jwks_uri: bait, iss: usual['iss'] }),
  }
  const browser = door.browser()
  assert.equal((await browser.get(provider.visit(await browser.start('google')))).status, 401)
  assert.equal(provider.count('/bait'), 0)
})
