import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { checkSignInSettings, providerSettings, signInSettings } from '../../src/sign-in/provider-settings.ts'

const schema = z
  .object({ CSR_MODE: z.enum(['development', 'production']), ...signInSettings })
  .superRefine(checkSignInSettings)

const google = {
  GOOGLE_CLIENT_ID: 'application',
  GOOGLE_CLIENT_SECRET: 'a-secret-of-the-console',
  GOOGLE_REDIRECT_URI: 'https://csr.example.org/v1/auth/callback/google',
  GOOGLE_ALLOWED_DOMAINS: 'company.example.org, Other.example.org',
}
const azure = {
  AZURE_CLIENT_ID: 'application',
  AZURE_CLIENT_SECRET: 'a-secret-of-the-centre',
  AZURE_REDIRECT_URI: 'https://csr.example.org/v1/auth/callback/azure',
  AZURE_ALLOWED_TENANTS: '*',
}

function problemsOf(settings: Record<string, string>): string[] {
  const read = schema.safeParse({ CSR_MODE: 'production', ...settings })
  return [...new Set(read.error?.issues.map(({ path }) => String(path[0])) ?? [])].toSorted()
}

test('five settings make an application; without any the provider is not offered', () => {
  const settings = schema.parse({ CSR_MODE: 'production', ...google })
  assert.deepEqual(providerSettings('google', settings), {
    issuer: 'https://accounts.google.com',
    clientId: 'application',
    clientSecret: 'a-secret-of-the-console',
    redirectUri: 'https://csr.example.org/v1/auth/callback/google',
    allowed: ['company.example.org', 'other.example.org'],
  })
  assert.equal(providerSettings('azure', settings), null)
  assert.equal(providerSettings('azure', schema.parse({ CSR_MODE: 'production', ...azure }))?.allowed, 'any')
})

test('an application with a part missing is refused, part by part', () => {
  assert.deepEqual(problemsOf({ GOOGLE_CLIENT_ID: 'application' }), [
    ...['GOOGLE_ALLOWED_DOMAINS', 'GOOGLE_CLIENT_SECRET', 'GOOGLE_REDIRECT_URI'],
  ])
})

test('production mode refuses plain addresses, also on loopback, and secrets of development', () => {
  const plain = {
    ...azure,
    AZURE_ISSUER: 'http://127.0.0.1:3008/azure/common/v2.0',
    AZURE_REDIRECT_URI: 'http://127.0.0.1:3000/v1/auth/callback/azure',
    AZURE_CLIENT_SECRET: 'development-0123456789',
  }
  assert.deepEqual(problemsOf(plain), ['AZURE_CLIENT_SECRET', 'AZURE_ISSUER', 'AZURE_REDIRECT_URI'])
  assert.deepEqual(problemsOf({ ...plain, CSR_MODE: 'development' }), [])
})

test('what is not an address, a list, a path or a secret is refused in every mode', () => {
  const wrong: [keyof typeof signInSettings, string][] = [
    ['GOOGLE_ISSUER', 'http://accounts.example.org'],
    ['GOOGLE_ISSUER', 'https://user:secret@accounts.example.org'],
    ['GOOGLE_ISSUER', 'https://accounts.example.org?x=1'],
    ['GOOGLE_REDIRECT_URI', 'https://csr.example.org/v1/auth/callback/azure'],
    ['GOOGLE_REDIRECT_URI', 'ftp://csr.example.org/v1/auth/callback/google'],
    ['GOOGLE_CLIENT_SECRET', 'short'],
    ['GOOGLE_ALLOWED_DOMAINS', 'company'],
    ['GOOGLE_ALLOWED_DOMAINS', '*,company.example.org'],
    ['GOOGLE_ALLOWED_DOMAINS', '*.example.org'],
    ['GATEWAY_RETURN_PATHS', '/docs,https://evil.example.org'],
    ['GATEWAY_RETURN_PATHS', '//evil.example.org'],
    ['GATEWAY_INVITATION_PATH', 'invitation'],
  ]
  for (const [name, value] of wrong) {
    assert.deepEqual(problemsOf({ ...google, CSR_MODE: 'development', [name]: value }), [name], `${name}=${value}`)
  }
  assert.deepEqual(problemsOf({ ...azure, AZURE_ALLOWED_TENANTS: 'common' }), ['AZURE_ALLOWED_TENANTS'])
})
