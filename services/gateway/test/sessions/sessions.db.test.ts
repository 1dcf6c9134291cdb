import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import postgres from 'postgres'
import { identityOf, openAccountDoor, type AccountDoor, type TestBrowser } from './account-door.ts'

let door: AccountDoor
let tenantId: string
before(async () => {
  door = await openAccountDoor()
  tenantId = await door.tenant({
    domains: [{ claim: 'hd', value: 'example.org' }],
    role: 'programme_manager',
    secondFactor: false,
  })
})
after(() => door[Symbol.asyncDispose]())

const sessionCookie = '__Host-csr-session'
const minuteMs = 60_000

async function signedIn(changes = {}): Promise<TestBrowser> {
  const browser = door.browser()
  assert.equal(await browser.signIn(identityOf(door, changes)), 'opened')
  return browser
}

test('somebody of a verified domain becomes a member at the first sign-in, with the role of the domain', async () => {
  const identity = identityOf(door)
  const browser = door.browser()
  assert.equal(await browser.signIn(identity), 'opened')
  const { status, body } = await browser.send('GET', '/v1/me')
  assert.equal(status, 200)
  assert.deepEqual([body['tenantId'], body['roles'], body['subjectId']], [tenantId, ['programme_manager'], null])
  const joined = (await door.events('gateway.membership.created.v1')).filter(
    ({ subject }) => subject === body['actorId'],
  )
  assert.deepEqual(
    joined.map(({ data }) => data['joinedBy']),
    ['domain'],
  )
  assert.equal(await browser.signIn(identity), 'opened')
  assert.equal((await browser.send('GET', '/v1/me')).body['actorId'], body['actorId'], 'the same account')
})

test('an account is (issuer, subject): the same address elsewhere is somebody else', async () => {
  const email = 'one@example.org'
  const [a, b] = [await signedIn({ email }), await signedIn({ email, issuer: 'https://other.example.org' })]
  const [one, other] = [await a.send('GET', '/v1/me'), await b.send('GET', '/v1/me')]
  assert.notEqual(one.body['actorId'], other.body['actorId'])
})

test('an unknown domain, an unverified address and a private account open no session', async () => {
  const strangers = [
    { hd: 'stranger.example' },
    { emailVerified: false },
    { hd: null },
    { hd: null, tid: 'unknown-tid' },
  ]
  for (const changes of strangers) {
    const browser = door.browser()
    assert.equal(await browser.signIn(identityOf(door, changes)), 'invitation-needed')
    assert.deepEqual([...browser.cookies.keys()], ['__Host-csr-arrival'])
    assert.equal((await browser.send('GET', '/v1/me')).status, 401)
  }
  const failures = await eventually(async () => {
    const recorded = await door.events('gateway.login.failed.v1')
    assert.equal(recorded.length, strangers.length)
    return recorded
  })
  assert.ok(!JSON.stringify(failures).includes('192.0.2.1'), 'an address is recorded as an HMAC only')
})

test('P4: the cookie is HttpOnly, Secure and of this host only; the database knows neither it nor a name', async () => {
  const request = { requestId: 'r', clientAddress: '192.0.2.1', headers: {} }
  const outcome = await door.accounts.signIn.open(identityOf(door, { name: 'Plain Name' }), request)
  assert.equal(outcome.outcome, 'opened')
  const [cookie = ''] = outcome.outcome === 'opened' ? outcome.cookies : []
  assert.match(cookie, /^__Host-csr-session=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  const secret = cookie.slice(cookie.indexOf('=') + 1, cookie.indexOf(';'))
  const admin = postgres(door.stores.database.adminUrl, { max: 1 })
  const rows =
    await admin`select to_jsonb(s) as row from gateway.sessions s union all select to_jsonb(a) from gateway.accounts a`
  await admin.end()
  const text = JSON.stringify(rows)
  assert.ok(rows.length > 2)
  for (const plain of [secret, 'Plain Name', '@example.org', 'subject-']) assert.ok(!text.includes(plain), plain)
})

test('each sign-in has a new session id and ends the one before', async () => {
  const identity = identityOf(door)
  const browser = door.browser()
  await browser.signIn(identity)
  const first = browser.cookies.get(sessionCookie) ?? ''
  await browser.signIn(identity)
  assert.notEqual(browser.cookies.get(sessionCookie), first)
  const old = await door.ask('/v1/me', { headers: { cookie: `${sessionCookie}=${first}` } })
  assert.equal(old.status, 401)
})

test('a change by cookie needs a page of ours and the token of the session', async () => {
  const browser = await signedIn()
  const other = await signedIn()
  const foreign = String((await other.send('GET', '/v1/me')).body['csrfToken'])
  const refused: readonly Record<string, string>[] = [
    { 'x-csrf-token': '' },
    { 'x-csrf-token': foreign },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://csr.example.org.evil.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of refused) {
    const { status, body } = await browser.send('DELETE', '/v1/auth/sessions', { headers })
    assert.deepEqual([status, body['type']], [403, '/problems/cross-site-refused'], JSON.stringify(headers))
  }
  const bare = await door.ask('/v1/auth/sessions', {
    method: 'DELETE',
    headers: { cookie: `${sessionCookie}=${browser.cookies.get(sessionCookie) ?? ''}` },
  })
  assert.equal(bare.status, 403, 'a request that does not say where it comes from')
  assert.equal((await browser.send('GET', '/v1/me')).status, 200, 'nothing was ended')
  assert.equal((await browser.send('DELETE', '/v1/auth/sessions')).status, 204)
})

test('a session ends unused after 30 minutes and used after 12 hours', async () => {
  const idle = await signedIn()
  await pass(29)
  assert.equal((await idle.send('GET', '/v1/me')).status, 200)
  await pass(30)
  assert.equal((await idle.send('GET', '/v1/me')).status, 401)
  const used = await signedIn()
  for (let minutes = 0; minutes < 12 * 60; minutes += 29) {
    assert.equal((await used.send('GET', '/v1/me')).status, 200, `after ${minutes} minutes`)
    await pass(29)
  }
  assert.equal((await used.send('GET', '/v1/me')).status, 401)
})

async function pass(minutes: number): Promise<void> {
  door.stores.clock.advanceMs(minutes * minuteMs)
  await door.refresh()
}

test('signing out ends the session here and, within a minute, what it signed on every service port', async () => {
  const browser = await signedIn({ provider: 'azure' })
  const headers = { cookie: `${sessionCookie}=${browser.cookies.get(sessionCookie) ?? ''}` }
  const token = (await door.accounts.edge.accessToken({ method: 'GET', headers })) ?? ''
  {
    await using service = await door.service()
    assert.equal((await service.verifyAccess(token)).tenantId, tenantId)
  }
  door.stores.clock.advanceMs(1_000)
  const { status, body } = await browser.send('POST', '/v1/auth/logout')
  assert.deepEqual([status, body], [200, { providerLogoutUrl: 'https://login.example.org/logout' }])
  assert.equal(browser.cookies.size, 0)
  assert.equal((await door.ask('/v1/me', { headers })).status, 401, 'the cookie')
  assert.equal((await door.ask('/v1/me', { headers: { authorization: `Bearer ${token}` } })).status, 401, 'the token')
  await using service = await door.service()
  await assert.rejects(service.verifyAccess(token), { code: 'token-invalid' })
  const [revoked] = (await door.events('gateway.token.revoked.v1')).slice(-1)
  assert.equal(revoked?.data['reason'], 'signed-out')
})

test('own sessions are listed and ended, one or all; those of others are not found', async () => {
  const identity = identityOf(door)
  const [laptop, phone, stranger] = [door.browser(), door.browser(), await signedIn()]
  await laptop.signIn(identity)
  await phone.signIn(identity)
  const listed = (await laptop.send('GET', '/v1/auth/sessions')).body['items'] as { id: string; current: boolean }[]
  assert.deepEqual(listed.map(({ current }) => current).toSorted(), [false, true])
  const ofPhone = listed.find(({ current }) => !current)?.id ?? ''
  assert.equal((await stranger.send('DELETE', `/v1/auth/sessions/${ofPhone}`)).status, 404)
  assert.equal((await laptop.send('DELETE', `/v1/auth/sessions/${ofPhone}`)).status, 204)
  assert.equal((await phone.send('GET', '/v1/me')).status, 401)
  await phone.signIn(identity)
  assert.equal((await laptop.send('DELETE', '/v1/auth/sessions')).status, 204)
  assert.equal((await phone.send('GET', '/v1/me')).status, 401)
  assert.equal((await stranger.send('GET', '/v1/me')).status, 200)
})

test('a tenant can ask for a second factor', async () => {
  const tid = '0198b000-0000-7000-8000-0000000000aa'
  const strict = await door.tenant({ domains: [{ claim: 'tid', value: tid }], role: 'auditor', secondFactor: true })
  const identity = identityOf(door, { provider: 'azure', hd: null, tid })
  const browser = door.browser()
  assert.equal(await browser.signIn(identity), 'second-factor-missing')
  assert.equal(browser.cookies.size, 0)
  assert.equal(await browser.signIn({ ...identity, amr: ['pwd', 'mfa'] }), 'opened')
  assert.equal((await browser.send('GET', '/v1/me')).body['tenantId'], strict)
})

test('one account, several tenants: a session has one at a time, switching makes a new id and no longer life', async () => {
  const second = await door.tenant()
  const identity = identityOf(door)
  const { issuer, subject, provider } = identity
  const member = { provider, issuer, subject, role: 'auditor' }
  assert.equal((await door.operate('POST', `/v1/tenants/${second}/members`, member)).status, 201)
  const browser = door.browser()
  await browser.signIn(identity)
  const tenants = (await browser.send('GET', '/v1/auth/tenants')).body['items'] as { tenantId: string }[]
  assert.deepEqual(tenants.map(({ tenantId: id }) => id).toSorted(), [tenantId, second].toSorted())
  const first = browser.cookies.get(sessionCookie)
  const me = (await browser.send('GET', '/v1/me')).body
  const target = me['tenantId'] === second ? tenantId : second
  assert.equal((await browser.send('PUT', '/v1/auth/tenant', { body: { tenantId: target } })).status, 200)
  assert.notEqual(browser.cookies.get(sessionCookie), first)
  const switched = (await browser.send('GET', '/v1/me')).body
  assert.deepEqual([switched['tenantId'], switched['signedInAt']], [target, me['signedInAt']])
  const foreign = await door.tenant()
  assert.equal((await browser.send('PUT', '/v1/auth/tenant', { body: { tenantId: foreign } })).status, 404)
})

test('a participant is bound by invitation only: once, by whoever signed in, to the person it names', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000bb'
  const staff = await signedIn()
  const { status, body } = await staff.send('POST', `/v1/profiles/${subjectId}/invitations`)
  assert.equal(status, 201)
  assert.match(String(body['token']), /^[A-Za-z0-9_-]{43}$/)
  const path = `/v1/auth/invitations/${String(body['token'])}`

  assert.equal((await door.ask(path, { method: 'POST' })).status, 401, 'nobody signed in')
  const participant = door.browser()
  assert.equal(await participant.signIn(identityOf(door, { hd: null })), 'invitation-needed')
  const elsewhere = { headers: { origin: 'https://evil.example' } }
  assert.equal((await participant.send('POST', path, elsewhere)).status, 403)
  const accepted = await participant.send('POST', path)
  assert.equal(accepted.status, 200)
  const me = (await participant.send('GET', '/v1/me')).body
  assert.deepEqual([me['roles'], me['subjectId'], me['tenantId']], [['participant'], subjectId, tenantId])

  const second = door.browser()
  await second.signIn(identityOf(door, { hd: null }))
  assert.equal((await second.send('POST', path)).status, 404, 'taken')
  assert.equal((await second.send('GET', '/v1/me')).status, 401)
})

test('an invitation is for a person the inviter may see, lasts 14 days, and binds nobody to two people', async () => {
  const staff = await signedIn()
  door.profileStatus = 404
  const unknown = await staff.send('POST', '/v1/profiles/0198c000-0000-7000-8000-0000000000cc/invitations')
  door.profileStatus = 200
  assert.equal(unknown.status, 404)
  const invite = async (last: string): Promise<string> => {
    const answer = await staff.send('POST', `/v1/profiles/0198c000-0000-7000-8000-0000000000${last}/invitations`)
    return `/v1/auth/invitations/${String(answer.body['token'])}`
  }
  const [one, other, late] = [await invite('d1'), await invite('d2'), await invite('d3')]
  const participant = door.browser()
  await participant.signIn(identityOf(door, { hd: null }))
  assert.equal((await participant.send('POST', one)).status, 200)
  assert.equal((await participant.send('POST', other)).status, 409)
  await pass(14 * 24 * 60)
  const latecomer = door.browser()
  await latecomer.signIn(identityOf(door, { hd: null }))
  assert.equal((await latecomer.send('POST', late)).status, 404)
})

const inviting = async (subjectId: string): Promise<{ id: string; path: string }> => {
  const staff = await signedIn()
  const { status, body } = await staff.send('POST', `/v1/profiles/${subjectId}/invitations`)
  assert.equal(status, 201)
  return { id: String(body['id']), path: `/v1/auth/invitations/${String(body['token'])}` }
}

const stranger = async (changes = {}): Promise<TestBrowser> => {
  const browser = door.browser()
  assert.equal(await browser.signIn(identityOf(door, { hd: null, ...changes })), 'invitation-needed')
  return browser
}

test('a person is one account: a second invitation binds nobody else until the first account is removed', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000f1'
  const [first, second, third] = [await inviting(subjectId), await inviting(subjectId), await inviting(subjectId)]
  const owner = await stranger()
  assert.equal((await owner.send('POST', first.path)).status, 200)
  const other = await stranger()
  const refused = await other.send('POST', second.path)
  assert.deepEqual([refused.status, refused.body['type']], [409, '/problems/state-conflict'])
  assert.equal((await other.send('GET', '/v1/me')).status, 401)
  assert.equal(
    (await owner.send('POST', third.path)).status,
    200,
    'the same account for the same person changes nothing',
  )

  const { body: me } = await owner.send('GET', '/v1/me')
  await pass(1)
  const authorization = `Bearer ${await door.tokenOf('company_admin', tenantId)}`
  const gone = await door.ask(`/v1/memberships/${String(me['actorId'])}`, {
    method: 'DELETE',
    headers: { authorization },
  })
  assert.equal(gone.status, 204)
  assert.equal((await other.send('POST', second.path)).status, 200, 'the invitation was not used up by the refusal')
  assert.equal((await other.send('GET', '/v1/me')).body['subjectId'], subjectId)
})

test('of accounts that accept invitations for one person at once exactly one becomes that person', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000f2'
  const invitations = await Promise.all(Array.from({ length: 6 }, () => inviting(subjectId)))
  const people = await Promise.all(invitations.map(() => stranger()))
  const answers = await Promise.all(people.map((one, at) => one.send('POST', invitations[at]?.path ?? '')))
  const statuses = answers.map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 200).length, 1, statuses.join())
  assert.ok(
    statuses.every((status) => [200, 404, 409].includes(status)),
    statuses.join(),
  )
  const created = (await door.events('gateway.membership.created.v1')).filter(
    ({ data }) => data['subjectId'] === subjectId,
  )
  assert.equal(created.length, 1)
})

test('of accounts that accept one invitation at once exactly one is bound, and each says so', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000f3'
  const { path } = await inviting(subjectId)
  const people = await Promise.all(Array.from({ length: 6 }, () => stranger()))
  const answers = await Promise.all(people.map((one) => one.send('POST', path)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  const winner = people.find((_, at) => answers[at]?.status === 200)
  assert.equal((await winner?.send('GET', '/v1/me'))?.body['subjectId'], subjectId)
})

test('the address of the person opens nothing, and a withdrawn invitation binds nobody', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000f4'
  const { id, path } = await inviting(subjectId)
  const sameAddress = await stranger({ email: 'participant-f4@example.org' })
  assert.equal((await sameAddress.send('GET', '/v1/me')).status, 401)
  assert.equal((await sameAddress.send('POST', '/v1/auth/invitations/participant-f4@example.org')).status, 404)
  const authorization = `Bearer ${await door.tokenOf('company_admin', tenantId)}`
  const withdrawn = await door.ask(`/v1/invitations/${id}`, { method: 'DELETE', headers: { authorization } })
  assert.equal(withdrawn.status, 204)
  assert.equal((await sameAddress.send('POST', path)).status, 404)
})

test('staff come by invitation of an administrator or the operator, and nobody else invites them', async () => {
  const own = await door.tenant()
  const invited = await door.operate('POST', `/v1/tenants/${own}/invitations`, { role: 'company_admin' })
  const admin = door.browser()
  await admin.signIn(identityOf(door, { hd: null }))
  assert.equal((await admin.send('POST', `/v1/auth/invitations/${String(invited.body['token'])}`)).status, 200)
  assert.deepEqual((await admin.send('GET', '/v1/me')).body['roles'], ['company_admin'])
  assert.equal((await admin.send('POST', '/v1/invitations', { body: { role: 'auditor' } })).status, 201)
  const manager = await signedIn()
  assert.equal((await manager.send('POST', '/v1/invitations', { body: { role: 'auditor' } })).status, 403)
  assert.equal((await admin.send('POST', `/v1/tenants/${own}/invitations`, { body: { role: 'auditor' } })).status, 403)
})

test('a member who is removed loses sessions and tokens at once, and does not come back by domain', async () => {
  const identity = identityOf(door)
  const browser = door.browser()
  await browser.signIn(identity)
  const id = String((await browser.send('GET', '/v1/me')).body['actorId'])
  const authorization = `Bearer ${await door.tokenOf('company_admin', tenantId)}`
  const elsewhere = `Bearer ${await door.tokenOf('company_admin', await door.tenant())}`
  const remove = (bearer: string) =>
    door.ask(`/v1/memberships/${id}`, { method: 'DELETE', headers: { authorization: bearer } })
  const { body } = await door.ask('/v1/memberships', { headers: { authorization } })
  assert.ok((body['items'] as { id: string }[]).some((member) => member.id === id))
  assert.equal((await remove(elsewhere)).status, 404)
  await pass(1)
  assert.equal((await remove(`Bearer ${await door.tokenOf('programme_manager', tenantId)}`)).status, 403)
  assert.equal((await remove(authorization)).status, 204)
  assert.equal((await browser.send('GET', '/v1/me')).status, 401)
  assert.equal(await browser.signIn(identity), 'invitation-needed')
})

test('who is removed from one tenant goes on in another', async () => {
  const [one, other] = [await door.tenant(), await door.tenant()]
  const { provider, issuer, subject, ...rest } = identityOf(door, { hd: null })
  const browser = door.browser()
  for (const id of [one, other]) {
    await door.operate('POST', `/v1/tenants/${id}/members`, { provider, issuer, subject, role: 'auditor' })
  }
  await browser.signIn({ provider, issuer, subject, ...rest })
  const me = (await browser.send('GET', '/v1/me')).body
  const left = me['tenantId'] === one ? other : one
  door.stores.clock.advanceMs(1_500)
  const authorization = `Bearer ${await door.tokenOf('company_admin', left)}`
  const path = `/v1/memberships/${String(me['actorId'])}`
  assert.equal((await door.ask(path, { method: 'DELETE', headers: { authorization } })).status, 204)
  door.stores.clock.advanceMs(1_000)
  assert.equal((await browser.send('GET', '/v1/me')).status, 200)
})

test('P6: a domain belongs to one tenant', async () => {
  const other = await door.tenant()
  const rules = { domains: [{ claim: 'hd', value: 'example.org' }], role: 'auditor', secondFactor: false }
  assert.equal((await door.operate('PUT', `/v1/tenants/${other}/sign-in-rules`, rules)).status, 409)
})

test('what is held of a participant is their account, sealed for them', async () => {
  const subjectId = '0198c000-0000-7000-8000-0000000000ee'
  await door.person(tenantId, subjectId)
  const staff = await signedIn()
  const { body } = await staff.send('POST', `/v1/profiles/${subjectId}/invitations`)
  const participant = door.browser()
  const identity = identityOf(door, { hd: null, email: 'participant@example.org' })
  await participant.signIn(identity)
  await participant.send('POST', `/v1/auth/invitations/${String(body['token'])}`)
  await participant.signIn(identity)
  const [held] = await door.contributed(tenantId, subjectId)
  assert.match(String(held?.sealed), /^s1\./)
  const [account] = (JSON.parse(held?.opened ?? '{}') as { accounts: { roles: string[]; person: { email: string } }[] })
    .accounts
  assert.deepEqual([account?.roles, account?.person.email], [['participant'], 'participant@example.org'])
})
