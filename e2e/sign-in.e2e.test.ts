import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listAuditEvents } from '@csr/contracts/http/audit'
import { platformTenantId } from '@csr/contracts/services'
import { createBrowser, type Browser, type Page } from '@csr/stack/headless-browser'
import { readRegistry } from '@csr/stack/process-registry'
import { killNow } from '@csr/testkit/ephemeral'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { newCompany } from './company.ts'

/*
 * The whole way over HTTP, with cookies, through the gateway of a running stack and the two providers it runs: nothing
 * here is a double.
 */
let stack: TestStack
before(async () => {
  stack = await privateStack()
})
after(() => stack?.[Symbol.asyncDispose]())

type Me = { actorId: string; roles: string[]; tenantId: string; sessionId: string; csrfToken: string }

const at = (path: string): string => stack.document.gateway + path
const meOf = ({ text }: Page): Me => JSON.parse(text) as Me
const typeOf = ({ text }: Page): string | undefined => (JSON.parse(text) as { type?: string }).type

const providersPid = (): number | undefined =>
  readRegistry(stack.directory.registryFile)?.processes.find(({ name }) => name === 'identity-providers')?.pid

async function signIn(browser: Browser, provider: string, email: string): Promise<Page> {
  const chooser = await browser.open(at(`/v1/auth/login/${provider}?return_to=/v1/me`))
  return await browser.press(chooser, email)
}

for (const provider of ['google', 'azure']) {
  test(`${provider}: sign in, be who one is, sign out, and be nobody again`, async () => {
    const browser = createBrowser()
    assert.equal((await browser.open(at('/v1/me'))).status, 401)
    const user = stack.document.demo?.users.find((one) => one.provider === provider && one.role === 'company_admin')
    const arrived = await signIn(browser, provider, user?.email ?? '')
    assert.equal(arrived.status, 200, arrived.text)
    assert.equal(arrived.url, at('/v1/me'))
    const me = meOf(arrived)
    assert.deepEqual([me.roles, me.tenantId], [['company_admin'], stack.document.demo?.tenantId])
    assert.match(browser.cookies(at('/')), /__Host-csr-session=/)

    // a page of somebody else cannot sign this browser out
    assert.equal((await browser.post(at('/v1/auth/logout'))).status, 403)
    const out = await browser.post(at('/v1/auth/logout'), { 'x-csrf-token': me.csrfToken })
    assert.equal(out.status, 200, out.text)
    const { providerLogoutUrl } = JSON.parse(out.text) as { providerLogoutUrl: string | null }
    if (provider === 'google') assert.equal(providerLogoutUrl, null)
    else assert.equal((await browser.open(providerLogoutUrl ?? '')).status, 200)
    assert.equal((await browser.open(at('/v1/me'))).status, 401)
  })
}

test('each demo user has the role that stack.json says, at the provider that stack.json says', async () => {
  const users = stack.document.demo?.users ?? []
  assert.deepEqual(
    ['google', 'azure'].map((name) => users.filter(({ provider }) => provider === name).map(({ role }) => role)),
    ['google', 'azure'].map(() => ['platform_admin', 'company_admin', 'programme_manager', 'auditor', 'participant']),
  )
  for (const { email, role, provider } of users.filter((user) => user.role !== 'participant')) {
    const me = meOf(await signIn(createBrowser(), provider, email))
    assert.deepEqual(me.roles, [role], email)
    if (role === 'platform_admin') assert.equal(me.tenantId, platformTenantId)
  }
})

test('the same person is the same account at each sign-in, in a new session', async () => {
  const browser = createBrowser()
  const first = meOf(await signIn(browser, 'google', 'olga.auditor@company.example.org'))
  const again = meOf(await browser.open(at('/v1/auth/login/google?return_to=/v1/me')))
  assert.equal(again.actorId, first.actorId)
  assert.notEqual(again.sessionId, first.sessionId)
  const elsewhere = meOf(await signIn(createBrowser(), 'google', 'olga.auditor@company.example.org'))
  assert.equal(elsewhere.actorId, first.actorId)
})

test('strangers are refused: one by the list of directories, one because no company knows the domain', async () => {
  for (const [provider, email, status, type] of [
    ['google', 'nils.nobody@stranger.example.org', 403, '/problems/membership-missing'],
    ['azure', 'nora.nobody@stranger.example.org', 401, '/problems/sign-in-refused'],
  ] as const) {
    const browser = createBrowser()
    const refused = await signIn(browser, provider, email)
    assert.deepEqual([refused.status, typeOf(refused)], [status, type])
    assert.doesNotMatch(browser.cookies(at('/')), /__Host-csr-session=/)
    assert.equal((await browser.open(at('/v1/me'))).status, 401)
  }
})

test('P6: a participant without samples is nobody by their address, themselves by invitation, and sees their own record', async () => {
  const company = await newCompany(stack, 'Invites its participants')
  const { email = '' } = stack.document.demo?.users.find(({ role }) => role === 'participant') ?? {}
  const volunteer = { email: 'another-person@example.org', name: 'Another Person' }
  const report = kintellSessionCompleted({ participant: { email, name: 'Own Name' }, volunteer })
  assert.equal((await company.post(report)).status, 202)
  const [own, other] = [await company.person(email), await company.person(volunteer.email)]

  const browser = createBrowser()
  const refused = await signIn(browser, 'google', email)
  assert.deepEqual([refused.status, typeOf(refused)], [403, '/problems/membership-missing'])
  const invited = await company.call('POST', `/v1/profiles/${own.id}/invitations`)
  assert.equal(invited.status, 201, JSON.stringify(invited.body))
  const path = at(`/v1/auth/invitations/${String(invited.body['token'])}`)
  assert.equal((await browser.post(path)).status, 200)
  const me = JSON.parse((await browser.open(at('/v1/me'))).text) as Me & { subjectId: string }
  assert.deepEqual([me.roles, me.subjectId, me.tenantId], [['participant'], own.id, company.tenantId])

  const record = await browser.open(at(`/v1/profiles/${own.id}`))
  assert.equal((JSON.parse(record.text) as { email: string }).email, email)
  assert.equal((await browser.open(at(`/v1/profiles/${own.id}/activities`))).status, 200)
  assert.equal((await browser.open(at(`/v1/profiles/${other.id}`))).status, 404)
  const stranger = createBrowser()
  await signIn(stranger, 'google', 'nils.nobody@stranger.example.org')
  assert.equal((await stranger.post(path)).status, 404, 'taken')
})

test('who signed in, who did not and why stands in the audit log', async () => {
  const token = await stack.token({ role: 'auditor' })
  await eventually(
    async () => {
      const { items } = await stack.gateway.call(listAuditEvents, { token, query: { limit: 200 } })
      assert.ok(items.some(({ action }) => action.startsWith('gateway.login.succeeded')))
    },
    { withinMs: 20_000, what: 'the records of sign-ins' },
  )
})

test('signing in goes on after the providers were killed: their keys are others by then', async () => {
  const browser = createBrowser()
  assert.equal((await signIn(browser, 'azure', 'ole.auditor@company.example.org')).status, 200)
  const killed = providersPid()
  await killNow(killed ?? assert.fail('the providers do not run'))
  await eventually(
    async () => {
      assert.notEqual(providersPid() ?? killed, killed)
      const { origin } = new URL(stack.document.identityProviders['google']?.issuer ?? '')
      assert.equal((await fetch(`${origin}/health/readiness`)).status, 200)
    },
    { withinMs: 20_000, what: 'the return of the providers' },
  )
  const fresh = createBrowser()
  assert.equal((await signIn(fresh, 'azure', 'ole.auditor@company.example.org')).status, 200)
})
