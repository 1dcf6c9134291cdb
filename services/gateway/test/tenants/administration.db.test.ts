import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import {
  identityOf,
  openAccountDoor,
  type AccountDoor,
  type Answered,
  type TestBrowser,
} from '../sessions/account-door.ts'

let door: AccountDoor
before(async () => {
  door = await openAccountDoor()
})
after(() => door[Symbol.asyncDispose]())

type Member = { readonly browser: TestBrowser; readonly accountId: string }
type Invited = { readonly id: string; readonly token: string }

/** Somebody at no company yet, signed in far enough to accept an invitation. */
async function guest(): Promise<TestBrowser> {
  const browser = door.browser()
  assert.equal(await browser.signIn(identityOf(door, { hd: null })), 'invitation-needed')
  return browser
}

const accept = (browser: TestBrowser, token: string): Promise<Answered> =>
  browser.send('POST', `/v1/auth/invitations/${token}`)

/** A member with this role, by invitation. */
async function member(tenantId: string, role: string): Promise<Member> {
  const made = await door.operate('POST', `/v1/tenants/${tenantId}/invitations`, { role })
  const browser = await guest()
  assert.equal((await accept(browser, String(made.body['token']))).status, 200)
  return { browser, accountId: String((await browser.send('GET', '/v1/me')).body['actorId']) }
}

const handOver = (tenantId: string, body: object = {}): Promise<Answered> =>
  door.operate('POST', `/v1/tenants/${tenantId}/hand-overs`, body)

async function administratorsOf(tenantId: string): Promise<string[]> {
  return (await door.operate('GET', `/v1/tenants/${tenantId}`)).body['administrators'] as string[]
}

test('a tenant is made with the invitation of its first administrator, who becomes one by accepting it', async () => {
  const body = { name: 'Example', administrator: { email: 'first.admin@example.org' } }
  const made = await door.operate('POST', '/v1/tenants', body)
  assert.equal(made.status, 201)
  const { id, invitation } = made.body as { id: string; invitation: Invited }
  const listed = await door.operate('GET', `/v1/tenants/${id}/invitations`)
  const [waiting] = listed.body['items'] as { id: string; email: string; role: string }[]
  assert.deepEqual(
    [waiting?.id, waiting?.email, waiting?.role],
    [invitation.id, body.administrator.email, 'company_admin'],
  )
  assert.ok(!JSON.stringify(listed.body).includes(invitation.token), 'the token is told once')

  const admin = postgres(door.stores.database.adminUrl, { max: 1 })
  const rows = await admin`select to_jsonb(i) as row from gateway.invitations i
    union all select to_jsonb(o.payload) from gateway.outbox o`
  await admin.end()
  assert.ok(!JSON.stringify(rows).includes('first.admin'), 'the address is sealed')

  const browser = await guest()
  assert.equal((await accept(browser, invitation.token)).status, 200)
  assert.deepEqual(await administratorsOf(id), [(await browser.send('GET', '/v1/me')).body['actorId']])
  assert.deepEqual((await door.operate('GET', `/v1/tenants/${id}/invitations`)).body['items'], [])
  for (const wrong of [{ email: 'nobody' }, {}, { email: 'a@example.org', role: 'platform_admin' }]) {
    assert.equal((await door.operate('POST', '/v1/tenants', { name: 'x', administrator: wrong })).status, 422)
  }
})

test('an invitation is renewed and withdrawn: the token before is dead, once accepted it is nobody’s to change', async () => {
  const tenantId = await door.tenant()
  const { browser: administrator } = await member(tenantId, 'company_admin')
  const invite = async (): Promise<Invited> =>
    (await administrator.send('POST', '/v1/invitations', { body: { role: 'auditor' } })).body as Invited
  const first = await invite()
  const renewed = (await administrator.send('POST', `/v1/invitations/${first.id}/renewals`)).body as Invited
  assert.equal(renewed.id, first.id)
  const visitor = await guest()
  assert.equal((await accept(visitor, first.token)).status, 404)
  assert.equal((await accept(visitor, renewed.token)).status, 200)
  for (const [method, path] of [
    ['POST', `/v1/invitations/${first.id}/renewals`],
    ['DELETE', `/v1/invitations/${first.id}`],
  ] as const) {
    assert.equal((await administrator.send(method, path)).status, 404, 'accepted')
  }

  const second = await invite()
  assert.equal((await administrator.send('DELETE', `/v1/invitations/${second.id}`)).status, 204)
  assert.equal((await administrator.send('DELETE', `/v1/invitations/${second.id}`)).status, 404)
  assert.equal((await accept(await guest(), second.token)).status, 404)
  for (const type of ['renewed', 'withdrawn']) {
    const told = (await door.events(`gateway.invitation.${type}.v1`)).filter(({ tenantid }) => tenantid === tenantId)
    assert.equal(told.length, 1, type)
  }
})

test('P6: invitations of another tenant are not found, and only administrators see their own', async () => {
  const [one, other] = [await door.tenant(), await door.tenant()]
  const made = await door.operate('POST', `/v1/tenants/${one}/invitations`, { role: 'auditor' })
  const id = String(made.body['id'])
  const { browser: stranger } = await member(other, 'company_admin')
  const { browser: auditor } = await member(one, 'auditor')
  assert.equal((await stranger.send('DELETE', `/v1/invitations/${id}`)).status, 404)
  assert.equal((await stranger.send('POST', `/v1/invitations/${id}/renewals`)).status, 404)
  assert.deepEqual((await stranger.send('GET', '/v1/invitations')).body['items'], [])
  assert.equal((await auditor.send('GET', '/v1/invitations')).status, 403)
  assert.equal((await auditor.send('DELETE', `/v1/invitations/${id}`)).status, 403)
  assert.equal((await door.operate('DELETE', `/v1/tenants/${other}/invitations/${id}`)).status, 404)
})

test('P7: the administration goes to a member in one act; who had it loses the role, their sessions and tokens', async () => {
  const tenantId = await door.tenant()
  const former = await member(tenantId, 'company_admin')
  const next = await member(tenantId, 'programme_manager')
  const moved = await former.browser.send('POST', '/v1/tenant/hand-overs', { body: { toAccountId: next.accountId } })
  assert.deepEqual([moved.status, moved.body], [200, { fromAccountId: former.accountId, toAccountId: next.accountId }])
  assert.deepEqual(await administratorsOf(tenantId), [next.accountId])
  assert.equal((await former.browser.send('GET', '/v1/me')).status, 401, 'it was the only role')
  const again = await handOver(tenantId, { fromAccountId: former.accountId, toAccountId: next.accountId })
  assert.equal(again.status, 200, 'repeating it changes nothing')
  const told = (await door.events('gateway.administration.handed-over.v1')).filter(
    ({ tenantid }) => tenantid === tenantId,
  )
  assert.deepEqual(
    told.map(({ data }) => [data['fromAccountId'], data['toAccountId'], data['actorId']]),
    [[former.accountId, next.accountId, former.accountId]],
  )
  door.stores.clock.advanceMs(10_000)
  await door.refresh()
  const { roles } = (await next.browser.send('GET', '/v1/me')).body as { roles: string[] }
  assert.deepEqual(roles.toSorted(), ['company_admin', 'programme_manager'])
})

test('the administration goes to somebody new when the invitation is accepted, not before', async () => {
  const tenantId = await door.tenant()
  const former = await member(tenantId, 'company_admin')
  const asked = await former.browser.send('POST', '/v1/tenant/hand-overs', { body: { email: 'next@example.org' } })
  assert.equal(asked.status, 201)
  assert.deepEqual(await administratorsOf(tenantId), [former.accountId])
  const { token } = asked.body['invitation'] as Invited
  assert.equal((await accept(former.browser, token)).status, 409, 'nobody follows themselves')
  const next = await guest()
  assert.equal((await accept(next, token)).status, 200)
  assert.deepEqual(await administratorsOf(tenantId), [(await next.send('GET', '/v1/me')).body['actorId']])
  assert.equal((await former.browser.send('GET', '/v1/me')).status, 401)
})

test('a hand-over that cannot be is refused and changes nothing', async () => {
  const tenantId = await door.tenant()
  const [one, two] = [await member(tenantId, 'company_admin'), await member(tenantId, 'company_admin')]
  const [auditor, manager] = [await member(tenantId, 'auditor'), await member(tenantId, 'programme_manager')]
  const elsewhere = await member(await door.tenant(), 'company_admin')
  const { accountId: to } = auditor
  const refused = {
    'several, and none is named': [{ toAccountId: to }, 409],
    'from somebody who has no such role': [{ fromAccountId: to, toAccountId: manager.accountId }, 409],
    'to the same account': [{ fromAccountId: one.accountId, toAccountId: one.accountId }, 409],
    'to a member of another tenant': [{ fromAccountId: one.accountId, toAccountId: elsewhere.accountId }, 404],
    'with a role in the body': [{ toAccountId: to, role: 'platform_admin' }, 422],
  } as const
  for (const [why, [body, status]] of Object.entries(refused)) {
    assert.equal((await handOver(tenantId, body)).status, status, why)
  }
  assert.equal((await auditor.browser.send('POST', '/v1/tenant/hand-overs', { body: {} })).status, 403)
  assert.deepEqual(await administratorsOf(tenantId), [one.accountId, two.accountId])
})

test('the last administrator stays: two who remove each other at once leave one', async () => {
  for (let round = 0; round < 4; round += 1) {
    const tenantId = await door.tenant()
    const [one, two] = [await member(tenantId, 'company_admin'), await member(tenantId, 'company_admin')]
    const ended = await Promise.all([
      one.browser.send('DELETE', `/v1/memberships/${two.accountId}`),
      two.browser.send('DELETE', `/v1/memberships/${one.accountId}`),
    ])
    const statuses = ended.map(({ status }) => status).toSorted()
    assert.equal(statuses[0], 204)
    assert.ok(statuses[1] === 409 || statuses[1] === 401, `the other got ${statuses[1]}`)
    const [left, ...more] = await administratorsOf(tenantId)
    assert.equal(more.length, 0)
    const { browser } = left === one.accountId ? one : two
    assert.equal((await browser.send('DELETE', `/v1/memberships/${left}`)).status, 409)
  }
})

test('hand-overs that run at once leave one administrator', async () => {
  const tenantId = await door.tenant()
  const former = await member(tenantId, 'company_admin')
  const others = [await member(tenantId, 'auditor'), await member(tenantId, 'programme_manager')]
  const moved = await Promise.all(
    others.map(({ accountId }) => handOver(tenantId, { fromAccountId: former.accountId, toAccountId: accountId })),
  )
  assert.deepEqual(moved.map(({ status }) => status).toSorted(), [200, 409])
  assert.equal((await administratorsOf(tenantId)).length, 1)
})
