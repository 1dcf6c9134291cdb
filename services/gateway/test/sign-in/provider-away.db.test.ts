import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock } from '@csr/testkit/fake-clock'
import { makeKey, maliciousProvider, type MaliciousProvider } from './malicious-provider.ts'
import { openSignInDoor, type SignInDoor, type Visited } from './sign-in-door.ts'

const clock = fakeClock(new Date().toISOString())
const limits = { withinMs: 400, bytesMax: 100_000, underWayMax: 4 }
let provider: MaliciousProvider
let door: SignInDoor

before(async () => {
  provider = await maliciousProvider(clock)
  door = await openSignInDoor(clock, { google: { issuer: `${provider.origin}/google`, allowed: 'any' } }, { limits })
})
after(async () => {
  await door[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})
beforeEach(() => {
  // nothing that was read before counts any more
  clock.advanceMs(90_000_000)
  provider.forget()
  door.failures.length = 0
  door.identities.length = 0
})

function assertAway({ status, headers, body, text }: Visited): void {
  assert.equal(status, 503, text)
  assert.equal(body.type, '/problems/dependency-unavailable')
  assert.ok(Number(headers.get('retry-after')) >= 1)
  assert.doesNotMatch(text, /127\.0\.0\.1|google|ECONN|fetch/)
}

const json = { 'content-type': 'application/json' }
/** Ways not to answer, each at discovery, at the key set and at the token endpoint. */
const ways: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'never answers': () => undefined,
  'sends headers and stops': (response) => void response.writeHead(200, json).write('{'),
  'hangs up': (response) => void response.destroy(),
  'answers 500': (response) => void response.writeHead(500).end(),
  'answers 429': (response) => void response.writeHead(429).end(),
  redirects: (response) => void response.writeHead(302, { location: `${provider.origin}/elsewhere` }).end(),
  'redirects to loopback': (response) => void response.writeHead(307, { location: 'http://127.0.0.1:22/' }).end(),
  'sends too much': (response) => void response.writeHead(200, json).end(`{"a":"${'x'.repeat(200_000)}"}`),
  'sends too much in little': (response) =>
    void response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000, ' '))),
}

for (const [way, answer] of Object.entries(ways)) {
  test(`a provider that ${way} is 503 with Retry-After, in time, and no session`, async () => {
    const at = (place: string) => ({
      answer: (path: string, response: ServerResponse) => path.includes(place) && (answer(response), true),
    })
    provider.wrong = at('/.well-known/')
    const startMs = performance.now()
    assertAway(await door.browser().get('/v1/auth/login/google'))
    assert.ok(performance.now() - startMs < 2_000)
    assert.equal(provider.count('/elsewhere'), 0)

    clock.advanceMs(60_000)
    for (const place of ['/token', '/keys']) {
      provider.wrong = {}
      const browser = door.browser()
      const back = provider.visit(await browser.start('google'))
      provider.wrong = at(place)
      assertAway(await browser.get(back))
      assert.deepEqual(door.failures.splice(0), [{ provider: 'google', code: 'provider-away' }])
      assert.equal(provider.count('/elsewhere'), 0)
      clock.advanceMs(60_000)
    }
    assert.deepEqual(door.identities, [])
    provider.wrong = {}
    const browser = door.browser()
    assert.equal((await browser.get(provider.visit(await browser.start('google')))).status, 303)
  })
}

test('a discovery document of somebody else, or with endpoints that are not safe, is none', async () => {
  const changes: Record<string, unknown>[] = [
    { issuer: 'https://accounts.example.org' },
    { issuer: `${provider.origin}/google/` },
    { issuer: `${provider.origin}/{tenantid}` },
    { issuer: undefined },
    { token_endpoint: undefined },
    { token_endpoint: 'file:///etc/passwd' },
    { jwks_uri: 'ftp://127.0.0.1/keys' },
    { authorization_endpoint: 'javascript:alert(1)' },
    { authorization_endpoint: 'https://user:secret@accounts.example.org/' },
    { jwks_uri: ['x'] },
  ]
  for (const change of changes) {
    clock.advanceMs(60_000)
    provider.wrong = { discovery: (document) => ({ ...document, ...change }) }
    assertAway(await door.browser().get('/v1/auth/login/google'))
  }
})

test('a provider that is away is not asked again and again', async () => {
  provider.wrong = { answer: (_path, response) => (response.writeHead(500).end(), true) }
  for (let round = 0; round < 20; round += 1) assertAway(await door.browser().get('/v1/auth/login/google'))
  assert.equal(provider.count('/.well-known/'), 1)
})

test('P8: a provider that hangs holds no more requests than are allowed; the rest is refused at once', async () => {
  const waiting: { browser: ReturnType<SignInDoor['browser']>; back: string }[] = []
  for (let round = 0; round < 12; round += 1) {
    const browser = door.browser()
    waiting.push({ browser, back: provider.visit(await browser.start('google')) })
  }
  let open = 0
  provider.wrong = { answer: (path) => path.includes('/token') && ((open += 1), true) }
  const answers = await Promise.all(waiting.map(({ browser, back }) => browser.get(back)))
  for (const answer of answers) assertAway(answer)
  assert.ok(open <= limits.underWayMax, `${open} at a time`)
  assert.deepEqual(door.identities, [])
})

test('while a provider is away, what was read of it serves for a day', async () => {
  await door.browser().start('google')
  provider.wrong = { answer: (_path, response) => (response.destroy(), true) }
  clock.advanceMs(20 * 3_600_000)
  await door.browser().start('google')
  clock.advanceMs(5 * 3_600_000)
  assertAway(await door.browser().get('/v1/auth/login/google'))
})

test('discovery is read again each hour without anybody waiting for it', async () => {
  await door.browser().start('google')
  clock.advanceMs(3_600_001)
  await Promise.all([door.browser().start('google'), door.browser().start('google')])
  await eventually(() => assert.equal(provider.count('/.well-known/'), 2))
  await door.browser().start('google')
  assert.equal(provider.count('/.well-known/'), 2)
})

async function signIn(): Promise<number> {
  const browser = door.browser()
  return (await browser.get(provider.visit(await browser.start('google')))).status
}

test('key rotation: a new key is found with one more request, at once', async () => {
  assert.equal(await signIn(), 303)
  const [old] = provider.keys
  provider.keys = [makeKey(), ...(old ? [old] : [])]
  assert.equal(await signIn(), 303)
  assert.equal(provider.count('/keys'), 2)
  assert.equal(await signIn(), 303)
  assert.equal(provider.count('/keys'), 2)
})

test('key rotation: many sign-ins at once ask for the new key once', async () => {
  assert.equal(await signIn(), 303)
  provider.keys = [makeKey()]
  const visits = await Promise.all(
    [0, 1, 2].map(async () => {
      const browser = door.browser()
      return { browser, back: provider.visit(await browser.start('google')) }
    }),
  )
  const answers = await Promise.all(visits.map(({ browser, back }) => browser.get(back)))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [303, 303, 303],
  )
  assert.equal(provider.count('/keys'), 2)
})

test('key rotation: junk key ids ask the provider once, then there is a cool-down', async () => {
  assert.equal(await signIn(), 303)
  provider.wrong = { header: (usual) => ({ ...usual, kid: `junk-${Math.random()}` }) }
  for (let round = 0; round < 5; round += 1) assert.equal(await signIn(), 401)
  assert.equal(provider.count('/keys'), 2)
  clock.advanceMs(31_000)
  assert.equal(await signIn(), 401)
  assert.equal(provider.count('/keys'), 3)
})

test('key rotation: what a key signed that the provider took back is refused after a quarter of an hour', async () => {
  assert.equal(await signIn(), 303)
  const [old] = provider.keys
  provider.keys = [makeKey()]
  clock.advanceMs(900_000)
  provider.wrong = {
    ...(old && { key: old.privateKey, header: (usual: Record<string, unknown>) => ({ ...usual, kid: old.kid }) }),
  }
  assert.equal(await signIn(), 401)
  assert.deepEqual(door.failures, [{ provider: 'google', code: 'key-unknown' }])
})

test('P8: without PostgreSQL nobody signs in: 503, and nothing is sent to the provider', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  await door.loseDatabase()
  for (const address of ['/v1/auth/login/google', back]) {
    const { status, headers } = await browser.get(address)
    assert.equal(status, 503)
    assert.ok(headers.get('retry-after'))
  }
  assert.equal(provider.count('/token'), 0)
})
