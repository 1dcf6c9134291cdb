import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statement } from '@csr/postgres/statement'
import { identityOf, openAccountDoor, type AccountDoor, type Answered } from '../sessions/account-door.ts'

let door: AccountDoor
before(async () => {
  door = await openAccountDoor()
})
after(() => door[Symbol.asyncDispose]())

const dayMs = 86_400_000
const acts = [
  ...['gateway.tenant.suspended.v1', 'gateway.tenant.resumed.v1', 'gateway.closure.requested.v1'],
  ...['gateway.closure.withdrawn.v1', 'gateway.tenant.closed.v1', 'gateway.tenant-erasure.due.v1'],
]

let companies = 0

/** A company with a domain of its own, so that whoever has it is a colleague. */
async function company() {
  companies += 1
  const hd = `company-${companies}.example.org`
  const domains = [{ claim: 'hd', value: hd }]
  const tenantId = await door.tenant({ domains, role: 'programme_manager', secondFactor: false })
  const identity = identityOf(door, { hd })
  const browser = door.browser()
  assert.equal(await browser.signIn(identity), 'opened')
  return { tenantId, identity, browser }
}

const suspend = (tenantId: string, reason = 'unpaid'): Promise<Answered> =>
  door.operate('PUT', `/v1/tenants/${tenantId}/suspension`, { reason })
const resume = (tenantId: string): Promise<Answered> => door.operate('DELETE', `/v1/tenants/${tenantId}/suspension`)
const close = (tenantId: string, body: object = {}, query = ''): Promise<Answered> =>
  door.operate('PUT', `/v1/tenants/${tenantId}/closure${query}`, body)
const keep = (tenantId: string): Promise<Answered> => door.operate('DELETE', `/v1/tenants/${tenantId}/closure`)
const show = (tenantId: string): Promise<Answered> => door.operate('GET', `/v1/tenants/${tenantId}`)

const codeOf = ({ status, body }: Answered): string => `${status} ${String(body['type']).replace('/problems/', '')}`
const bearer = (token: unknown): RequestInit => ({ headers: { authorization: `Bearer ${String(token)}` } })

function askToken(parameters: Record<string, string>): Promise<Answered> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return door.ask('/v1/auth/token', { method: 'POST', headers, body: new URLSearchParams(parameters).toString() })
}

async function recorded(tenantId: string): Promise<string[]> {
  const select = `select payload from gateway.outbox where tenant_id = $1 and topic = any($2::text[]) order by id`
  const [rows] = await door.stores.postgres.worker([statement<{ payload: string }>(select, [tenantId, acts])])
  return rows.map(({ payload }) => (JSON.parse(payload) as { type: string }).type)
}

async function pass(ms: number): Promise<void> {
  door.stores.clock.advanceMs(ms)
  await door.refresh()
}

/** A machine of the tenant, with its secret. */
async function machineOf(tenantId: string): Promise<Record<string, string>> {
  const made = await door.ask('/v1/machine-clients', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await door.tokenOf('company_admin', tenantId)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'Nightly report', role: 'auditor' }),
  })
  assert.equal(made.status, 201)
  const { id, secret } = made.body as { id: string; secret: string }
  return { grant_type: 'client_credentials', client_id: id, client_secret: secret }
}

test('P8: of a suspended tenant every token, session, refresh token and machine is refused, and goes on when it is resumed', async () => {
  const { tenantId, identity, browser } = await company()
  const other = await company()
  const application = await browser.send('POST', '/v1/auth/token', { body: { grant_type: 'session' } })
  const { access_token: access, refresh_token: refreshToken } = application.body as Record<string, string>
  const machine = await machineOf(tenantId)
  const machineToken = (await askToken(machine)).body['access_token']
  await using service = await door.service()
  assert.equal(service.stopOf(tenantId), null)

  const suspended = await suspend(tenantId)
  assert.deepEqual(
    [suspended.status, suspended.body['state'], suspended.body['suspendedFor']],
    [200, 'suspended', 'unpaid'],
  )

  const refused = [
    await door.ask('/v1/me', bearer(access)),
    await door.ask('/v1/me', bearer(machineToken)),
    await door.ask('/v1/me', bearer(await door.tokenOf('company_admin', tenantId))),
    await browser.send('GET', '/v1/me'),
    await askToken({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' }),
    await askToken(machine),
  ]
  assert.deepEqual([...new Set(refused.map(codeOf))], ['403 tenant-suspended'])
  assert.equal(await door.browser().signIn(identity), 'tenant-suspended')
  await using elsewhere = await door.service()
  assert.equal(elsewhere.stopOf(tenantId), 'suspended', 'as another service reads it')
  assert.equal((await other.browser.send('GET', '/v1/me')).status, 200, 'nobody else is')

  assert.equal((await resume(tenantId)).body['state'], 'open')
  assert.equal((await door.ask('/v1/me', bearer(access))).status, 200)
  assert.equal((await browser.send('GET', '/v1/me')).status, 200)
  assert.equal((await askToken({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' })).status, 200)
  assert.equal((await askToken(machine)).status, 200)
  assert.equal(await door.browser().signIn(identity), 'opened')
})

test('a wrong secret of a suspended tenant is refused like any wrong secret', async () => {
  const { tenantId } = await company()
  const machine = await machineOf(tenantId)
  await suspend(tenantId)
  assert.equal(codeOf(await askToken({ ...machine, client_secret: 'a'.repeat(43) })), '401 client-invalid')
})

test('who belongs to another tenant too signs in there while one is suspended, and cannot switch to it', async () => {
  const { tenantId, identity } = await company()
  const second = await door.tenant()
  const { issuer, subject, provider } = identity
  await door.operate('POST', `/v1/tenants/${second}/members`, { provider, issuer, subject, role: 'auditor' })
  await suspend(tenantId)
  const browser = door.browser()
  assert.equal(await browser.signIn(identity), 'opened')
  assert.equal((await browser.send('GET', '/v1/me')).body['tenantId'], second)
  const switched = await browser.send('PUT', '/v1/auth/tenant', { body: { tenantId } })
  assert.equal(codeOf(switched), '403 tenant-suspended')
})

test('nobody joins a suspended tenant: by domain not at all, and an invitation stays good until it is resumed', async () => {
  const { tenantId, identity } = await company()
  const made = await door.operate('POST', `/v1/tenants/${tenantId}/invitations`, { role: 'company_admin' })
  const path = `/v1/auth/invitations/${String(made.body['token'])}`
  await suspend(tenantId)
  const colleague = door.browser()
  assert.equal(await colleague.signIn(identityOf(door, { hd: identity.hd })), 'invitation-needed')
  const guest = door.browser()
  await guest.signIn(identityOf(door, { hd: null }))
  assert.equal(codeOf(await guest.send('POST', path)), '403 tenant-suspended')
  await resume(tenantId)
  assert.equal((await guest.send('POST', path)).status, 200)
})

test('P7: each act on a tenant is one record, however often and by however many it is asked for at once', async () => {
  const { tenantId } = await company()
  const atOnce = async (act: () => Promise<Answered>): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 8 }, act))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1, 'everybody is told the same')
  }
  await atOnce(() => suspend(tenantId))
  await atOnce(() => close(tenantId))
  await atOnce(() => keep(tenantId))
  await atOnce(() => resume(tenantId))
  assert.deepEqual(await recorded(tenantId), [
    ...['gateway.tenant.suspended.v1', 'gateway.closure.requested.v1'],
    ...['gateway.closure.withdrawn.v1', 'gateway.tenant.resumed.v1'],
  ])
})

test('the first reason of a suspension stands; a reason is one of a few words, and a body says nothing else', async () => {
  const { tenantId } = await company()
  await suspend(tenantId, 'security')
  assert.equal((await suspend(tenantId, 'legal')).body['suspendedFor'], 'security')
  const path = `/v1/tenants/${tenantId}/suspension`
  for (const body of [{}, { reason: 'because of Kari' }, { reason: 'legal', tenantId }, { reason: null }, []]) {
    assert.equal((await door.operate('PUT', path, body)).status, 422, JSON.stringify(body))
  }
  for (const body of [{ waitDays: -1 }, { waitDays: 366 }, { waitDays: 1.5 }, { waitDays: '1' }, { now: true }]) {
    assert.equal((await close(tenantId, body)).status, 422, JSON.stringify(body))
  }
  assert.equal((await close(tenantId, {}, '?dryRun=perhaps')).status, 400)
})

test('P6: the life of a tenant is nobody else’s: unknown and foreign ones are not found, other roles are refused', async () => {
  const { tenantId } = await company()
  const unknown = '0198d000-0000-7000-8000-0000000000cc'
  for (const act of [show, suspend, resume, close, keep]) assert.equal((await act(unknown)).status, 404)
  const { status } = await door.operate('POST', `/v1/tenants/${unknown}/hand-overs`, {})
  assert.equal(status, 404)
  for (const role of ['company_admin', 'auditor', 'programme_manager', 'participant']) {
    const own = bearer(await door.tokenOf(role, tenantId))
    const body = { method: 'PUT', body: '{"reason":"legal"}' }
    const headers = { ...own.headers, 'content-type': 'application/json' }
    const refused = await door.ask(`/v1/tenants/${tenantId}/suspension`, { ...body, headers })
    assert.equal(codeOf(refused), '403 permission-denied', role)
    assert.equal(codeOf(await door.ask(`/v1/tenants/${tenantId}`, own)), '403 permission-denied', role)
    const isAdministrator = role === 'company_admin'
    assert.equal((await door.ask('/v1/tenant', own)).status, isAdministrator ? 200 : 403, role)
  }
  assert.equal((await show(tenantId)).body['state'], 'open')
})

test('closing asks for a fresh sign-in; an administrator may close the own tenant and take it back', async () => {
  const { tenantId } = await company()
  const stale = door.stores.clock.nowMs() - 16 * 60_000
  const ask = async (method: string, more: object = {}): Promise<Answered> =>
    await door.ask('/v1/tenant/closure', {
      method,
      ...bearer(await door.tokenOf('company_admin', tenantId, more)),
    })
  assert.equal(codeOf(await ask('PUT', { signedInAtMs: stale })), '401 sign-in-not-fresh')
  assert.equal(codeOf(await ask('PUT', { clientId: 'machine' })), '403 permission-denied', 'a machine')
  const asked = await ask('PUT')
  assert.equal(asked.body['closesAt'], new Date(door.stores.clock.nowMs() + 30 * dayMs).toISOString())
  assert.equal(asked.body['state'], 'open', 'everything goes on until then')
  assert.equal((await ask('DELETE')).body['closesAt'], null)
})

test('a dry run says what would end, and changes nothing', async () => {
  const { tenantId } = await company()
  await machineOf(tenantId)
  const { status, body } = await close(tenantId, { waitDays: 3 }, '?dryRun=true')
  const counts = [body['members'], body['sessions'], body['machineClients'], body['invitations']]
  assert.deepEqual([status, ...counts], [200, 1, 1, 1, 0])
  assert.equal(body['closesAt'], new Date(door.stores.clock.nowMs() + 3 * dayMs).toISOString())
  assert.equal((await show(tenantId)).body['closesAt'], null)
  assert.deepEqual(await recorded(tenantId), [])
})

test('P5: after the waiting time a tenant is closed for good, then its keys are asked for, each once over all gateways', async () => {
  const { tenantId, identity, browser } = await company()
  const access = await door.tokenOf('company_admin', tenantId)
  const machine = await machineOf(tenantId)
  await close(tenantId, { waitDays: 1 })
  await door.accounts.closer.look()
  assert.equal((await show(tenantId)).body['closedAt'], null, 'not before its time')
  await pass(dayMs)
  await Promise.all(Array.from({ length: 5 }, () => door.accounts.closer.look()))
  await door.refresh()

  const closed = (await show(tenantId)).body
  assert.deepEqual(
    [closed['state'], closed['members'], closed['sessions'], closed['machineClients']],
    ['closed', 0, 0, 0],
  )
  assert.equal(codeOf(await door.ask('/v1/me', bearer(access))), '401 token-invalid', 'it has expired by now')
  const fresh = await door.tokenOf('company_admin', tenantId)
  assert.equal(codeOf(await door.ask('/v1/me', bearer(fresh))), '403 tenant-closed')
  assert.equal((await browser.send('GET', '/v1/me')).status, 401)
  assert.equal(codeOf(await askToken(machine)), '401 client-invalid')
  assert.equal(await door.browser().signIn(identity), 'invitation-needed')
  const late = [await suspend(tenantId), await resume(tenantId), await keep(tenantId)]
  assert.deepEqual(late.map(codeOf), Array(3).fill('409 state-conflict'))
  assert.equal((await close(tenantId)).body['state'], 'closed')
  assert.equal((await door.operate('POST', `/v1/tenants/${tenantId}/invitations`, { role: 'auditor' })).status, 404)

  await door.accounts.closer.look()
  assert.deepEqual(await recorded(tenantId), ['gateway.closure.requested.v1', 'gateway.tenant.closed.v1'])
  await pass(120_000)
  await Promise.all(Array.from({ length: 5 }, () => door.accounts.closer.look()))
  assert.deepEqual((await recorded(tenantId)).slice(2), ['gateway.tenant-erasure.due.v1'])
  const due = (await door.events('gateway.tenant-erasure.due.v1')).find(({ tenantid }) => tenantid === tenantId)
  assert.equal(
    (due?.data['accountIds'] as string[] | undefined)?.length,
    1,
    'an account that was a member of nothing else',
  )
  assert.equal((await door.operate('GET', '/v1/tenants?limit=200')).status, 200)
})

test('an account that belongs to another tenant as well outlives the one that closes', async () => {
  const { tenantId, identity } = await company()
  const second = await door.tenant()
  const { issuer, subject, provider } = identity
  await door.operate('POST', `/v1/tenants/${second}/members`, { provider, issuer, subject, role: 'auditor' })
  await close(tenantId, { waitDays: 0 })
  await door.accounts.closer.look()
  await pass(120_000)
  await door.accounts.closer.look()
  const due = (await door.events('gateway.tenant-erasure.due.v1')).find(({ tenantid }) => tenantid === tenantId)
  assert.deepEqual(due?.data['accountIds'], [])
  const browser = door.browser()
  assert.equal(await browser.signIn(identity), 'opened')
  assert.equal((await browser.send('GET', '/v1/me')).body['tenantId'], second)
})

test('a closure that is taken back at the moment it is due is either taken back or done, never half', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { tenantId } = await company()
    await close(tenantId, { waitDays: 0 })
    const [kept] = await Promise.all([keep(tenantId), door.accounts.closer.look()])
    await door.accounts.closer.look()
    const { state, members, closesAt } = (await show(tenantId)).body
    if (kept.status === 200) assert.deepEqual([state, members, closesAt], ['open', 1, null])
    else assert.deepEqual([kept.status, state, members], [409, 'closed', 0])
  }
})

test('a tenant that is suspended while sign-ins run leaves no way in, whoever was first', async () => {
  const { tenantId, identity } = await company()
  const browsers = Array.from({ length: 6 }, () => door.browser())
  await Promise.all([...browsers.map((browser) => browser.signIn(identity)), suspend(tenantId)])
  const answers = await Promise.all(browsers.map((browser) => browser.send('GET', '/v1/me')))
  for (const { status } of answers) assert.ok(status === 403 || status === 401, String(status))
  assert.equal((await show(tenantId)).body['state'], 'suspended')
})
