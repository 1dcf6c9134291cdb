import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import { after, before, test } from 'node:test'
import { SignJWT } from 'jose'
import { identityOf, openAccountDoor, type AccountDoor, type Answered, type TestBrowser } from './account-door.ts'

let door: AccountDoor
let tenantId: string
before(async () => {
  door = await openAccountDoor()
  const domains = [{ claim: 'hd', value: 'example.org' }]
  tenantId = await door.tenant({ domains, role: 'programme_manager', secondFactor: false })
})
after(() => door[Symbol.asyncDispose]())

const dayMs = 86_400_000

function ask(parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<Answered> {
  return door.ask('/v1/auth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(parameters).toString(),
  })
}

const refresh = (token: string): Promise<Answered> => ask({ grant_type: 'refresh_token', refresh_token: token })
const tokenIn = ({ body }: Answered): string => String(body['refresh_token'])
const me = (access: unknown): Promise<Answered> =>
  door.ask('/v1/me', { headers: { authorization: `Bearer ${String(access)}` } })

async function signedIn(): Promise<TestBrowser> {
  const browser = door.browser()
  await browser.signIn(identityOf(door))
  return browser
}

/** The first refresh token of an application. */
async function application(): Promise<Answered> {
  const answer = await (await signedIn()).send('POST', '/v1/auth/token', { body: { grant_type: 'session' } })
  assert.equal(answer.status, 200)
  return answer
}

async function pass(ms: number): Promise<void> {
  door.stores.clock.advanceMs(ms)
  await door.refresh()
}

test('an application gets its first tokens from a signed-in browser, by a page of ours only', async () => {
  const { body } = await application()
  assert.deepEqual([body['token_type'], body['expires_in']], ['Bearer', 600])
  assert.match(String(body['refresh_token']), /^[A-Za-z0-9_-]{43}$/)
  assert.equal((await me(body['access_token'])).body['tenantId'], tenantId)
  assert.equal((await ask({ grant_type: 'session' })).status, 401)
  const browser = await signedIn()
  const elsewhere = { body: { grant_type: 'session' }, headers: { origin: 'https://evil.example' } }
  assert.equal((await browser.send('POST', '/v1/auth/token', elsewhere)).status, 403)
})

test('a refresh gives a new pair of tokens, and the sign-in stays as old as it is', async () => {
  const first = await application()
  const signedInAt = (await me(first.body['access_token'])).body['signedInAt']
  await pass(60_000)
  const second = await refresh(tokenIn(first))
  assert.equal(second.status, 200)
  assert.equal(second.headers.get('cache-control'), 'no-store')
  assert.notEqual(tokenIn(second), tokenIn(first))
  assert.equal((await me(second.body['access_token'])).body['signedInAt'], signedInAt)
  assert.equal((await refresh(tokenIn(second))).status, 200)
})

test('two tabs that refresh with the same token within ten seconds get the same successor', async () => {
  const first = tokenIn(await application())
  const tabs = await Promise.all(Array.from({ length: 5 }, () => refresh(first)))
  assert.deepEqual([...new Set(tabs.map(({ status }) => status))], [200])
  assert.equal(new Set(tabs.map(tokenIn)).size, 1)
  door.stores.clock.advanceMs(10_000)
  assert.equal(tokenIn(await refresh(first)), tokenIn(tabs[0] as Answered))
})

test('a refresh token used again later ends its whole family, access tokens included', async () => {
  const first = await application()
  const second = await refresh(tokenIn(first))
  await pass(10_001)
  assert.equal((await refresh(tokenIn(first))).status, 400)
  assert.equal((await refresh(tokenIn(second))).status, 400, 'the successor went with it')
  assert.equal((await me(second.body['access_token'])).status, 401)
  await using service = await door.service()
  await assert.rejects(service.verifyAccess(String(second.body['access_token'])), { code: 'token-invalid' })
  const [revoked] = (await door.events('gateway.token.revoked.v1')).slice(-1)
  assert.equal(revoked?.data['reason'], 'token-reused')
})

test('the token before is refused at once when its successor was used', async () => {
  const first = await application()
  const second = await refresh(tokenIn(first))
  await refresh(tokenIn(second))
  assert.equal((await refresh(tokenIn(first))).status, 400)
})

test('refresh tokens end unused after a week and after a month in any case', async () => {
  const idle = tokenIn(await application())
  await pass(7 * dayMs)
  assert.equal((await refresh(idle)).status, 400)
  let used = tokenIn(await application())
  for (let day = 0; day < 30; day += 6) {
    const answer = await refresh(used)
    assert.equal(answer.status, 200, `on day ${day}`)
    used = tokenIn(answer)
    await pass(6 * dayMs)
  }
  assert.equal((await refresh(used)).status, 400)
})

test('what is no refresh token is refused alike, and nothing else passes as one', async () => {
  const { body } = await application()
  for (const token of [
    '',
    'x',
    'a'.repeat(43),
    String(body['access_token']).slice(0, 200),
    '../etc',
    '\u0000'.repeat(43),
  ]) {
    assert.equal((await refresh(token)).status, 400, token.slice(0, 10))
  }
  for (const parameters of [{}, { grant_type: 'password' }, { grant_type: 'authorization_code' }]) {
    assert.equal((await ask(parameters as never)).status, 400)
  }
  const twice = await door.ask('/v1/auth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=refresh_token&refresh_token=${tokenIn({ body } as Answered)}&refresh_token=x`,
  })
  assert.equal(twice.status, 400)
  assert.equal((await me(body['refresh_token'])).status, 401)
})

type Machine = { readonly id: string; readonly secret: string }

async function machine(body: object = {}): Promise<Machine> {
  const token = await door.tokenOf('company_admin', tenantId)
  const answer = await door.ask('/v1/machine-clients', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Importer', role: 'programme_manager', ...body }),
  })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return { id: String(answer.body['id']), secret: String(answer.body['secret']) }
}

const credentials = (id: string, secret: string): Promise<Answered> =>
  ask({ grant_type: 'client_credentials', client_id: id, client_secret: secret })

test('a machine client with a secret gets access tokens, in the body or the header', async () => {
  const { id, secret } = await machine()
  const answer = await credentials(id, secret)
  assert.equal(answer.status, 200)
  assert.equal(answer.body['refresh_token'], undefined)
  const { body } = await me(answer.body['access_token'])
  assert.deepEqual(
    [body['actorId'], body['tenantId'], body['roles'], body['signedInAt']],
    [id, tenantId, ['programme_manager'], null],
  )
  const basic = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
  assert.equal((await ask({ grant_type: 'client_credentials' }, basic)).status, 200)
  const other = await machine()
  for (const [client, given] of [
    [id, other.secret],
    [id, ''],
    [id, `${secret}x`],
    [randomUUID(), secret],
    ['__proto__', secret],
  ] as const) {
    assert.equal((await credentials(client, given)).status, 401, client)
  }
  assert.equal(
    (await ask({ grant_type: 'client_credentials', client_id: id, client_secret: secret }, basic)).status,
    401,
  )
})

test('a machine never has a fresh sign-in and makes no other machine', async () => {
  const { id, secret } = await machine()
  const { body } = await credentials(id, secret)
  const authorization = `Bearer ${String(body['access_token'])}`
  const answer = await door.ask('/v1/machine-clients', {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Another', role: 'auditor' }),
  })
  assert.deepEqual([answer.status, answer.body['type']], [401, '/problems/sign-in-not-fresh'])
  assert.match(answer.headers.get('www-authenticate') ?? '', /insufficient_user_authentication.*max_age=900/)
})

test('an operation that asks for a fresh sign-in refuses one older than 15 minutes', async () => {
  const signedInAtMs = door.stores.clock.nowMs() - 15 * 60_000
  const create = async (atMs: number): Promise<number> => {
    const token = await door.tokenOf('company_admin', tenantId, { signedInAtMs: atMs })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'Importer', role: 'auditor' })
    return (await door.ask('/v1/machine-clients', { method: 'POST', headers, body })).status
  }
  assert.equal(await create(signedInAtMs + 1_000), 201)
  assert.equal(await create(signedInAtMs - 1_000), 401)
})

type Assertion = { readonly claims?: object; readonly header?: object; readonly key?: KeyObject }

test('a machine client with a key proves itself by an assertion, each good once', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'machine-1' }]
  const { id, secret } = await machine({ publicKeys })
  assert.equal(secret, 'null')
  const assertion = async ({ claims = {}, header = {}, key = pair.privateKey }: Assertion = {}): Promise<string> => {
    const now = Math.floor(door.stores.clock.nowMs() / 1_000)
    const all = { iss: id, sub: id, aud: 'csr-backbone', jti: randomUUID(), iat: now, exp: now + 300, ...claims }
    return await new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'machine-1', ...header }).sign(key)
  }
  const present = (client_assertion: string, more: Record<string, string> = {}): Promise<Answered> =>
    ask({
      ...{ grant_type: 'client_credentials', client_assertion, ...more },
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
  const good = await assertion()
  const accepted = await present(good)
  assert.equal(accepted.status, 200, JSON.stringify(accepted.body))
  assert.equal((await me(accepted.body['access_token'])).body['actorId'], id)
  assert.equal((await present(good)).status, 401, 'a second time')
  assert.equal(
    (await present(await assertion({ claims: { aud: 'https://csr.example.org/v1/auth/token' } }))).status,
    200,
  )

  const now = Math.floor(door.stores.clock.nowMs() / 1_000)
  const refused: readonly Assertion[] = [
    { key: stranger.privateKey },
    { claims: { aud: 'https://elsewhere.example/token' } },
    { claims: { aud: ['csr-backbone', 'other'] } },
    { claims: { iss: randomUUID() } },
    { claims: { sub: randomUUID() } },
    { claims: { exp: now + 3_600 } },
    { claims: { iat: now - 600, exp: now - 300 } },
    { claims: { iat: now + 120, exp: now + 240 } },
    { claims: { jti: undefined } },
    { claims: { exp: undefined } },
    { header: { kid: 'machine-2' } },
  ]
  for (const forged of refused) {
    assert.equal((await present(await assertion(forged))).status, 401, JSON.stringify({ ...forged, key: undefined }))
  }
  assert.equal((await present(await assertion(), { client_id: randomUUID() })).status, 401)
  assert.equal((await credentials(id, 'null')).status, 401, 'a client with keys has no secret')
})

test('a removed machine client gets no more tokens, and those it has are refused everywhere', async () => {
  const { id, secret } = await machine()
  const { body } = await credentials(id, secret)
  const foreign = await door.tokenOf('company_admin', await door.tenant())
  const remove = (token: string): Promise<Answered> =>
    door.ask(`/v1/machine-clients/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
  assert.equal((await remove(foreign)).status, 404)
  await pass(1_000)
  assert.equal((await remove(await door.tokenOf('company_admin', tenantId))).status, 204)
  assert.equal((await credentials(id, secret)).status, 401)
  assert.equal((await me(body['access_token'])).status, 401)
  await using service = await door.service()
  await assert.rejects(service.verifyAccess(String(body['access_token'])), { code: 'token-invalid' })
})
