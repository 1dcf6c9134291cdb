import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import { localIssuers } from '../src/identity-providers/addresses.ts'
import { demoPeople, subjectOf } from '../src/identity-providers/demo-people.ts'
import { identityProviders, identityProvidersMain, signInEnvironment } from '../src/identity-providers/environment.ts'
import { serveIdentityProviders } from '../src/identity-providers/serve.ts'

let providers: Awaited<ReturnType<typeof serveIdentityProviders>>
before(async () => {
  const gatewayUrl = 'http://127.0.0.1:3000'
  providers = await serveIdentityProviders({ port: 0, gatewayUrl, clientSecret: 'development-secret-of-a-test' })
})
after(() => providers[Symbol.asyncDispose]())

const ports = { services: { gateway: [3_000] } as never, identityProviders: 3_008 }

test('production mode refuses to run them, and knows none of their settings', () => {
  const run = spawnSync(process.execPath, [identityProvidersMain], { env: { CSR_MODE: 'production', PORT: '1' } })
  assert.equal(run.status, 2)
  const around = { mode: 'production', ports, outside: { GOOGLE_CLIENT_ID: 'mine', PATH: '/bin' } } as const
  assert.deepEqual(signInEnvironment(around), { GOOGLE_CLIENT_ID: 'mine' })
  assert.deepEqual(identityProviders(around), {})
})

test('in development mode the gateway is told of them, and of a real application instead where there is one', () => {
  const local = signInEnvironment({ mode: 'development', ports, outside: {} })
  assert.equal(local['GOOGLE_ISSUER'], 'http://127.0.0.1:3008/google')
  assert.equal(local['AZURE_ISSUER'], 'http://127.0.0.1:3008/azure/common/v2.0')
  assert.match(local['GOOGLE_CLIENT_SECRET'] ?? '', /^development-.{32}/)
  const real = signInEnvironment({ mode: 'development', ports, outside: { GOOGLE_CLIENT_ID: 'mine' } })
  assert.equal(real['GOOGLE_CLIENT_ID'], 'mine')
  assert.equal(real['GOOGLE_ISSUER'], undefined)
  assert.equal(real['AZURE_CLIENT_ID'], local['AZURE_CLIENT_ID'])
})

test('subjects have the form of their provider, are all different, and stay', () => {
  const subjects = demoPeople.map((person) => subjectOf(person))
  assert.equal(new Set(subjects).size, demoPeople.length)
  for (const [index, { provider, email }] of demoPeople.entries()) {
    assert.match(subjects[index] ?? '', provider === 'google' ? /^1\d{20}$/ : /^[A-Za-z0-9_-]{43}$/)
    assert.match(email, /@([a-z]+\.)?example\.org$/)
  }
})

test('they answer on loopback only, and to their own name only', async () => {
  const { port, host } = new URL(providers.origin)
  const others = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  for (const { address, family, internal } of others.filter((one) => one.family === 'IPv4' && !one.internal)) {
    assert.ok(!internal && family === 'IPv4')
    await assert.rejects(fetch(`http://${address}:${port}/google/.well-known/openid-configuration`))
  }
  const statusAs = (name: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const path = `${providers.origin}/google/.well-known/openid-configuration`
      request(path, { headers: { host: name } }, (answer) => (answer.resume(), resolve(answer.statusCode)))
        .once('error', reject)
        .end()
    })
  assert.equal(await statusAs(host), 200)
  assert.equal(await statusAs('rebound.example.org'), 404)
})

test('only the gateway is answered: no other address to come back to, no sign-in without PKCE', async () => {
  const issuers = localIssuers(providers.origin)
  const document = (await (await fetch(`${issuers.google}/.well-known/openid-configuration`)).json()) as {
    authorization_endpoint: string
  }
  const ask = async (changes: Record<string, string>): Promise<Response> => {
    const address = new URL(document.authorization_endpoint)
    const usual = {
      ...{ client_id: 'csr-backbone.apps.example.org', response_type: 'code', scope: 'openid', state: 's' },
      ...{ redirect_uri: 'http://127.0.0.1:3000/v1/auth/callback/google', code_challenge_method: 'S256' },
      code_challenge: 'a'.repeat(43),
    }
    address.search = new URLSearchParams({ ...usual, ...changes }).toString()
    return await fetch(address, { redirect: 'manual' })
  }
  const usual = await ask({})
  assert.match(usual.headers.get('location') ?? '', /^\/google\/choose\//)
  assert.equal((await ask({ redirect_uri: 'https://evil.example.org/' })).status, 400)
  const plain = new URL((await ask({ code_challenge: '', code_challenge_method: '' })).headers.get('location') ?? '')
  assert.equal(plain.searchParams.get('error'), 'invalid_request')
})

test('what is not theirs is not there, and a choice without a sign-in under way is none', async () => {
  for (const path of [
    '/',
    '/google',
    '/azure/x',
    '/google/../azure',
    '/google/choose/made-up',
    '/azure/choose/made-up',
  ]) {
    assert.ok([400, 404].includes((await fetch(providers.origin + path)).status), path)
  }
})
