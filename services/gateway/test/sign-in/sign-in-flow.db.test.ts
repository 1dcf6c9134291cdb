import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { fakeClock } from '@csr/testkit/fake-clock'
import postgres from 'postgres'
import { clientId, directory, maliciousProvider, otherDirectory, type MaliciousProvider } from './malicious-provider.ts'
import { invitationPath, opened, openSignInDoor, redirectUri, type SignInDoor } from './sign-in-door.ts'

const clock = fakeClock(new Date().toISOString())
let provider: MaliciousProvider
let door: SignInDoor
let twin: SignInDoor

before(async () => {
  provider = await maliciousProvider(clock)
  const applications = {
    google: { issuer: `${provider.origin}/google`, allowed: 'any' },
    azure: { issuer: `${provider.origin}/azure/${directory}/v2.0`, allowed: [directory] },
  } as const
  door = await openSignInDoor(clock, applications)
  twin = await openSignInDoor(clock, applications, { beside: door })
})
after(async () => {
  await twin[Symbol.asyncDispose]()
  await door[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})
beforeEach(() => {
  provider.forget()
  for (const one of [door, twin]) {
    one.identities.length = 0
    one.failures.length = 0
    one.outcome = opened
  }
})

const stateUnknown = [{ provider: 'google', code: 'state-unknown' }]

test('the providers one can sign in with are listed, and no other is known', async () => {
  const browser = door.browser()
  const { status, body } = await browser.get('/v1/auth/providers')
  assert.equal(status, 200)
  assert.deepEqual(body, {
    items: [
      { name: 'google', title: 'Google', loginPath: '/v1/auth/login/google' },
      { name: 'azure', title: 'Microsoft Entra', loginPath: '/v1/auth/login/azure' },
    ],
  })
  for (const name of ['github', 'Google', '__proto__', 'constructor', 'toString', 'x'.repeat(40)]) {
    for (const path of ['login', 'callback']) {
      const answer = await browser.get(`/v1/auth/${path}/${name}?code=a&state=b`)
      assert.equal(answer.body.type, '/problems/resource-not-found', name)
    }
  }
  assert.deepEqual(door.failures, [])
})

test('a sign-in asks with PKCE S256, state and nonce of 256 bits, each only once', async () => {
  const browser = door.browser()
  const seen = new Set<string>()
  for (let round = 0; round < 3; round += 1) {
    const { origin, pathname, searchParams } = new URL(await browser.start('google'))
    assert.equal(origin + pathname, `${provider.origin}/google/authorize`)
    const { state, nonce, code_challenge: challenge, ...rest } = Object.fromEntries(searchParams)
    assert.deepEqual(rest, {
      ...{ client_id: clientId, redirect_uri: redirectUri('google'), response_type: 'code' },
      ...{ scope: 'openid email profile', code_challenge_method: 'S256' },
    })
    for (const value of [state, nonce, challenge]) {
      assert.match(value ?? '', /^[A-Za-z0-9_-]{43}$/)
      seen.add(value ?? '')
    }
  }
  assert.equal(seen.size, 9)
})

test('the cookie belongs to this host alone, lives ten minutes, and names the browser, not one sign-in', async () => {
  const browser = door.browser()
  const { headers } = await browser.get('/v1/auth/login/google')
  const [cookie = '', ...others] = headers.getSetCookie()
  assert.deepEqual(others, [])
  assert.match(cookie, /^__Host-csr-sign-in=[A-Za-z0-9_-]{43}; /)
  const attributes = cookie.toLowerCase().split('; ').slice(1).toSorted()
  assert.deepEqual(attributes, ['httponly', 'max-age=600', 'path=/', 'samesite=lax', 'secure'])
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  assert.equal(headers.get('cache-control'), 'no-store')
  const first = browser.cookies.get('__Host-csr-sign-in')
  await browser.start('azure')
  assert.equal(browser.cookies.get('__Host-csr-sign-in'), first)
  browser.cookies.set('__Host-csr-sign-in', 'short')
  await browser.start('azure')
  assert.notEqual(browser.cookies.get('__Host-csr-sign-in'), 'short')
})

test('P4: what is stored of a sign-in completes nothing: an HMAC, and no value the browser or the provider holds', async () => {
  const browser = door.browser()
  const { searchParams } = new URL(await browser.start('google', '?return_to=/app/reports'))
  const sql = postgres(door.adminUrl, { max: 1, onnotice: () => undefined })
  const stored = JSON.stringify(await sql`select * from gateway.pending_sign_ins`)
  await sql.end()
  assert.match(stored, /\/app\/reports/)
  const secrets = [...searchParams.values(), browser.cookies.get('__Host-csr-sign-in') ?? '']
  for (const secret of secrets.filter((value) => value.length === 43)) assert.ok(!stored.includes(secret))
})

test('the whole way leads back to where the browser wanted to go, with the session it was given', async () => {
  for (const name of ['google', 'azure']) {
    const browser = door.browser()
    const answer = await browser.get(provider.visit(await browser.start(name, '?return_to=/app/reports')))
    assert.deepEqual([answer.status, answer.location], [303, '/app/reports'])
    assert.equal(browser.cookies.get('__Host-csr-session'), 'opened')
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
  }
  const [google, azure] = door.identities
  assert.deepEqual(google, {
    ...{ provider: 'google', issuer: `${provider.origin}/google`, subject: 'person-1', name: 'Ada Example' },
    ...{ email: 'ada@company.example.org', emailVerified: true, hd: 'company.example.org', tid: null },
    ...{ acr: null, amr: [], authenticatedAt: clock.now() },
  })
  assert.deepEqual([azure?.tid, azure?.hd, azure?.emailVerified], [directory, null, false])
})

test('P2: a response counts once, however often and however fast it comes', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  const answers = await Promise.all(Array.from({ length: 10 }, () => browser.get(back)))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, ...Array<number>(9).fill(401)])
  assert.equal((await browser.get(back)).status, 401)
  assert.equal(door.identities.length, 1)
  assert.equal(provider.count('/token'), 1)
})

test('a response is refused in another browser and without cookie, and still good in its own', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  const other = door.browser()
  await other.start('google')
  assert.equal((await other.get(back)).status, 401)
  assert.equal((await door.browser().get(back)).status, 401)
  assert.deepEqual(door.failures, [...stateUnknown, ...stateUnknown])
  assert.equal(provider.count('/token'), 0)
  assert.equal((await browser.get(back)).status, 303)
})

test('a response after ten minutes is refused', async () => {
  const browser = door.browser()
  const late = provider.visit(await browser.start('google'))
  const inTime = provider.visit(await browser.start('google'))
  clock.advanceMs(600_000)
  assert.equal((await browser.get(inTime)).status, 303)
  clock.advanceMs(1)
  assert.equal((await browser.get(late)).status, 401)
  assert.deepEqual(door.failures, stateUnknown)
})

test('two tabs sign in side by side, at two providers and in any order', async () => {
  const browser = door.browser()
  const first = provider.visit(await browser.start('google', '?return_to=/app/one'))
  const second = provider.visit(await browser.start('azure', '?return_to=/app/two'))
  assert.equal((await browser.get(second)).location, '/app/two')
  assert.equal((await browser.get(first)).location, '/app/one')
})

test('any gateway may complete what another one started, once', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  const elsewhere = twin.browser(browser.cookies)
  const both = await Promise.all([browser.get(back), elsewhere.get(back)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [303, 401])
})

test('a response that is refused is used up', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  provider.wrong = { claims: (usual) => ({ ...usual, nonce: 'x' }) }
  assert.equal((await browser.get(back)).status, 401)
  provider.wrong = {}
  assert.equal((await browser.get(back)).status, 401)
  assert.deepEqual(door.identities, [])
})

test('one returns to paths of the list only: every other place is refused before anything starts', async () => {
  const browser = door.browser()
  const places = [
    ...['https://evil.example.org', '//evil.example.org', '/\\evil.example.org', '\\\\evil.example.org', '/%2fevil'],
    ...['/docs@evil.example.org', '/docs//evil.example.org', '/app/../../evil', '/app/./x', '/app/%2e%2e/x', '/docs/'],
    ...['javascript:alert(1)', 'data:text/html,x', '/docs?next=https://evil.example.org', '/docs#x', '/docs;x', ''],
    ...[
      '/app/\r\nset-cookie: a=b',
      '/app/\tx',
      '/app/\u0000',
      ' /docs',
      '/docs ',
      'docs',
      '/v1/tenants',
      '/appx',
      '/app',
    ],
    ...['/app/ｘ', `/app/${'x'.repeat(600)}`, 'https:/docs', '///docs', '/docs\\..\\x', 'http:docs'],
  ]
  for (const place of places) {
    const { status, location, headers, body } = await browser.get(
      `/v1/auth/login/google?return_to=${encodeURIComponent(place)}`,
    )
    assert.equal(status, 400, place)
    assert.equal(body.type, '/problems/parameter-invalid')
    assert.equal(location, '')
    assert.deepEqual(headers.getSetCookie(), [])
  }
  const twice = await browser.get('/v1/auth/login/google?return_to=/docs&return_to=https://evil.example.org')
  assert.equal(twice.status, 400)
  for (const place of ['/docs', '/app/', '/app/a/b-c_d.e~f']) {
    assert.equal((await browser.get(`/v1/auth/login/google?return_to=${place}`)).status, 303, place)
  }
})

test('a callback cannot be told where to go', async () => {
  const browser = door.browser()
  const back = provider.visit(await browser.start('google'))
  const { location } = await browser.get(`${back}&return_to=https://evil.example.org&redirect_uri=//evil.example.org`)
  assert.equal(location, '/docs')
})

test('the host of a request changes nothing: the address to come back to is the one of the settings', async () => {
  const answer = await fetch(`${door.url}/v1/auth/login/google`, {
    redirect: 'manual',
    headers: { 'x-forwarded-host': 'evil.example.org', forwarded: 'host=evil.example.org' },
  })
  const { searchParams } = new URL(answer.headers.get('location') ?? '')
  assert.equal(searchParams.get('redirect_uri'), redirectUri('google'))
})

test('a fresh sign-in asks anew as far as the provider can, and counts from the moment it was completed', async () => {
  const browser = door.browser()
  const google = new URL(await browser.start('google', '?fresh=1'))
  assert.equal(google.searchParams.get('prompt'), 'select_account')
  const azure = new URL(await browser.start('azure', '?fresh=1'))
  assert.deepEqual([azure.searchParams.get('prompt'), azure.searchParams.get('max_age')], ['login', '0'])
  clock.advanceMs(30_000)
  assert.equal((await browser.get(provider.visit(azure.href))).status, 303)
  assert.equal(door.identities[0]?.authenticatedAt, clock.now())

  const startedAt = Math.floor(clock.nowMs() / 1_000)
  const stale = provider.visit(await browser.start('azure', '?fresh=1'))
  provider.wrong = { claims: (usual) => ({ ...usual, auth_time: startedAt - 300 }) }
  assert.equal((await browser.get(stale)).status, 401)
  assert.deepEqual(door.failures, [{ provider: 'azure', code: 'not-fresh' }])
  const asked = provider.visit(await browser.start('azure', '?fresh=1'))
  provider.wrong = { claims: (usual) => ({ ...usual, auth_time: startedAt }) }
  assert.equal((await browser.get(asked)).status, 303)
})

test('the issuer of one directory vouches for nobody of another', async () => {
  for (const tid of [otherDirectory, undefined, 'common']) {
    const browser = door.browser()
    provider.wrong = { claims: (usual) => ({ ...usual, tid }) }
    assert.equal((await browser.get(provider.visit(await browser.start('azure')))).status, 401)
  }
  assert.deepEqual(new Set(door.failures.map(({ code }) => code)), new Set(['issuer-wrong']))
})

test('who is known to no tenant is told so, and let through to the invitation page only', async () => {
  const arrival = '__Host-csr-arrival=x; Path=/'
  door.outcome = { outcome: 'invitation-needed', cookies: [arrival] }
  const browser = door.browser()
  const refused = await browser.get(provider.visit(await browser.start('google')))
  assert.equal(refused.body.type, '/problems/membership-missing')
  assert.deepEqual(refused.headers.getSetCookie(), [arrival])
  const invited = await browser.get(provider.visit(await browser.start('google', `?return_to=${invitationPath}`)))
  assert.deepEqual([invited.status, invited.location], [303, invitationPath])
  assert.deepEqual(invited.headers.getSetCookie(), [arrival])
  door.outcome = { outcome: 'refused', code: 'second-factor-missing' }
  const without = await browser.get(provider.visit(await browser.start('google')))
  assert.equal(without.body.type, '/problems/second-factor-missing')
  assert.deepEqual(without.headers.getSetCookie(), [])
})

test('what people leave behind is cleared when others sign in', async () => {
  await door.browser().start('google')
  clock.advanceMs(3_700_000)
  await door.browser().start('google')
  const sql = postgres(door.adminUrl, { max: 1, onnotice: () => undefined })
  const [{ count } = { count: -1 }] = await sql<{ count: number }[]>`
    select count(*)::int as count from gateway.pending_sign_ins`
  await sql.end()
  assert.equal(count, 1)
})

test('requests of absurd size are refused and leave nothing behind', async () => {
  const browser = door.browser()
  const huge = await browser.get(`/v1/auth/callback/google?code=${'x'.repeat(9_000)}&state=y`)
  assert.equal(huge.status, 414)
  const long = await browser.get(`/v1/auth/callback/google?error=${'x'.repeat(3_000)}`)
  assert.equal(long.status, 401)
  const many = await browser.get(
    `/v1/auth/callback/google?${Array.from({ length: 900 }, (_, i) => `a${i}=1`).join('&')}`,
  )
  assert.equal(many.status, 401)
  const proto = await browser.get('/v1/auth/callback/google?__proto__[state]=x&constructor=y&state[]=a&code=b')
  assert.equal(proto.status, 401)
  assert.deepEqual(door.identities, [])
})
