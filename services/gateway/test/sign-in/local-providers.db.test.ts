import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createBrowser, type Page } from '@csr/stack/headless-browser'
import { localClientId, localIssuers } from '@csr/stack/identity-providers/addresses'
import { demoCompany, demoPeople, subjectOf } from '@csr/stack/identity-providers/demo-people'
import { serveIdentityProviders } from '@csr/stack/identity-providers/serve'
import { systemClock } from '@csr/runtime/clock'
import { clientSecret } from './malicious-provider.ts'
import { openSignInDoor, type SignInDoor } from './sign-in-door.ts'

/*
 * The two providers that `npm start` runs are an implementation of OpenID Connect of their own, and send what Google and
 * Entra send: these tests hold our side against them, claim by claim.
 */
const gatewayUrl = 'https://csr.example.org'
let providers: Awaited<ReturnType<typeof serveIdentityProviders>>
let door: SignInDoor

before(async () => {
  providers = await serveIdentityProviders({ port: 0, gatewayUrl, clientSecret })
  const issuers = localIssuers(providers.origin)
  door = await openSignInDoor(
    systemClock(),
    {
      google: { issuer: issuers.google, allowed: 'any' },
      azure: { issuer: issuers.azure('common'), allowed: [demoCompany.tid] },
    },
    { clientIds: localClientId },
  )
})
after(async () => {
  await door[Symbol.asyncDispose]()
  await providers[Symbol.asyncDispose]()
})
beforeEach(() => {
  door.identities.length = 0
  door.failures.length = 0
})

const atGateway = { until: (url: URL) => url.origin === gatewayUrl }

/** From the sign-in of the gateway to the answer of its callback, as `email`. */
async function signIn(provider: string, email: string): Promise<Page> {
  const ours = door.browser()
  const theirs = createBrowser()
  const chooser = await theirs.open(await ours.start(provider))
  assert.match(chooser.text, /<form method="post">/)
  const back = await theirs.press(chooser, email, atGateway)
  const { status, text } = await ours.get(back.url)
  return { ...back, status, text }
}

test('everybody who is not a stranger signs in, and is who the provider says', async () => {
  const issuers = localIssuers(providers.origin)
  for (const person of demoPeople.filter(({ provider, tid }) => provider === 'google' || tid === demoCompany.tid)) {
    const { provider, email, name, hd = null, tid = null } = person
    const page = await signIn(provider, email)
    assert.equal(page.status, 303, page.text)
    const { authenticatedAt, ...identity } = door.identities.pop() ?? assert.fail('no identity')
    assert.ok(Math.abs(Date.parse(authenticatedAt) - Date.now()) < 5_000)
    assert.deepEqual(identity, {
      ...{ provider, email, name, hd, tid, issuer: issuers.of(person), subject: subjectOf(person) },
      ...{ emailVerified: provider === 'google', acr: null, amr: [] },
    })
  }
})

test('the two behave like Google and Entra in what a relying party can tell', async () => {
  const read = async (issuer: string) =>
    (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>
  const issuers = localIssuers(providers.origin)
  const google = await read(issuers.google)
  assert.equal(google['issuer'], issuers.google)
  assert.equal(google['end_session_endpoint'], undefined)
  const common = await read(issuers.azure('common'))
  assert.equal(common['issuer'], `${providers.origin}/azure/{tenantid}/v2.0`)
  assert.equal(common['authorization_response_iss_parameter_supported'], undefined)
  assert.ok(common['end_session_endpoint'])
  assert.equal((await read(issuers.azureOfCompany))['issuer'], issuers.azureOfCompany)

  const ofGoogle = await signIn('google', 'ada.admin@company.example.org')
  assert.equal(new URL(ofGoogle.url).searchParams.get('iss'), issuers.google)
  const ofEntra = await signIn('azure', 'arne.admin@company.example.org')
  assert.equal(new URL(ofEntra.url).searchParams.get('iss'), null)
})

test('a directory that is not on the list has no session, although its provider vouches for the person', async () => {
  const page = await signIn('azure', 'nora.nobody@stranger.example.org')
  assert.equal(page.status, 401)
  assert.deepEqual(door.failures, [{ provider: 'azure', code: 'organisation-not-allowed' }])
  assert.deepEqual(door.identities, [])
})

test('a fresh sign-in asks again although the person is known at the provider', async () => {
  for (const [provider, email] of [
    ['google', 'ada.admin@company.example.org'],
    ['azure', 'arne.admin@company.example.org'],
  ] as const) {
    const ours = door.browser()
    const theirs = createBrowser()
    const chooser = await theirs.open(await ours.start(provider))
    assert.equal((await ours.get((await theirs.press(chooser, email, atGateway)).url)).status, 303)
    // known by now: nobody is asked
    const silent = await theirs.open(await ours.start(provider), atGateway)
    assert.equal((await ours.get(silent.url)).status, 303)
    const asked = await theirs.open(await ours.start(provider, '?fresh=1'), atGateway)
    assert.match(asked.text, /choose who you are/)
    assert.equal((await ours.get((await theirs.press(asked, email, atGateway)).url)).status, 303)
    assert.equal(door.identities.length, 3, provider)
    door.identities.length = 0
  }
})

test('Google has no prompt=login: the provider refuses it', async () => {
  const address = new URL(await door.browser().start('google'))
  address.searchParams.set('prompt', 'login')
  const page = await createBrowser().open(address.href, atGateway)
  assert.equal(new URL(page.url).searchParams.get('error'), 'invalid_request')
})

test('a code without the verifier of the browser that asked is worth nothing', async () => {
  const ours = door.browser()
  const theirs = createBrowser()
  const chooser = await theirs.open(await ours.start('google'))
  const back = await theirs.press(chooser, 'ada.admin@company.example.org', atGateway)
  const other = door.browser()
  const state = new URL(await other.start('google')).searchParams.get('state') ?? ''
  const stolen = new URL(back.url)
  stolen.searchParams.set('state', state)
  assert.equal((await other.get(stolen.href)).status, 401)
  assert.deepEqual(door.failures, [{ provider: 'google', code: 'code-refused' }])
})

test('the address for signing out at the provider is Entra’s; Google has none', async () => {
  assert.equal(await door.logoutAddress('google'), null)
  const address = new URL((await door.logoutAddress('azure')) ?? '')
  assert.equal(address.searchParams.get('post_logout_redirect_uri'), `${gatewayUrl}/docs`)
  assert.equal((await fetch(address)).status, 200)
})
