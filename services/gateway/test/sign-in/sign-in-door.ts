import assert from 'node:assert/strict'
import { createServer } from '@csr/http/server'
import { createKeyring } from '@csr/keyring/keyring'
import { createPostgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createHealth } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { testSecrets } from '@csr/testkit/secrets'
import { completeSignInRoute } from '../../src/routes/complete-sign-in.ts'
import { listAuthProvidersRoute } from '../../src/routes/list-auth-providers.ts'
import { startSignInRoute } from '../../src/routes/start-sign-in.ts'
import { createCookies } from '../../src/sessions/cookies.ts'
import type { FetchLimits } from '../../src/sign-in/limited-fetch.ts'
import type { ProviderName, ProviderSettings } from '../../src/sign-in/provider-settings.ts'
import { createProvider } from '../../src/sign-in/provider.ts'
import type { SignInOutcome, SignInSessions, VerifiedIdentity } from '../../src/sign-in/verified-identity.ts'
import { createPendingSignInStore } from '../../src/store/pending-sign-in-store.ts'
import { clientId, clientSecret } from './malicious-provider.ts'

export const invitationPath = '/invitation'
export const redirectUri = (provider: string): string => `https://csr.example.org/v1/auth/callback/${provider}`

/** The routes of sign-in behind a real door and on a real database; what a verified identity leads to is only recorded. */
export type SignInDoor = AsyncDisposable & {
  readonly url: string
  readonly identities: VerifiedIdentity[]
  readonly failures: { readonly provider: string; readonly code: string }[]
  outcome: SignInOutcome
  /** a browser with a cookie jar of its own; follows no redirect */
  browser(cookies?: Map<string, string>): Browser
  logoutAddress(provider: string): Promise<string | null>
  readonly database: TestDatabase
  /** ends its connections for good */
  loseDatabase(): Promise<void>
  /** as superuser, to look */
  readonly adminUrl: string
}

export type Browser = {
  readonly cookies: Map<string, string>
  get(address: string): Promise<Visited>
  /** starts a sign-in and returns where the browser is sent to */
  start(provider: string, query?: string): Promise<string>
}

export type Visited = {
  readonly status: number
  readonly headers: Headers
  readonly location: string
  readonly body: { readonly type?: string; readonly [member: string]: unknown }
  readonly text: string
}

export const opened: SignInOutcome = { outcome: 'opened', cookies: ['__Host-csr-session=opened; Path=/; Secure'] }

type DoorOptions = {
  readonly limits?: FetchLimits
  readonly clientIds?: Partial<Record<ProviderName, string>>
  /** another gateway on the database of this one */
  readonly beside?: SignInDoor
}
type Applications = Partial<Record<ProviderName, Pick<ProviderSettings, 'issuer' | 'allowed'>>>

export async function openSignInDoor(
  clock: Clock,
  applications: Applications,
  { limits, clientIds = {}, beside }: DoorOptions = {},
): Promise<SignInDoor> {
  const database = beside?.database ?? (await privateDatabase())
  const secrets = await testSecrets()
  const ids = createIds(clock)
  const logger = createLogger({
    service: 'gateway',
    destination: { write: () => undefined },
  })
  const postgres = createPostgres({ name: 'gateway', url: database.url('csr_gateway'), logger })
  const { rootKeyFile, indexKeyFile } = secrets
  const keysUrl = database.keysUrl('csr_gateway')
  const keyring = createKeyring({ service: 'gateway', keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
  const providers = new Map(
    Object.entries(applications).map(([given, { issuer, allowed }]) => {
      const name = given as ProviderName
      const application = { clientId: clientIds[name] ?? clientId, clientSecret, redirectUri: redirectUri(name) }
      const settings = { issuer, allowed, ...application }
      return [given, createProvider({ name, settings, clock, ...(limits && { limits }) })]
    }),
  )
  const identities: VerifiedIdentity[] = []
  const failures: { provider: string; code: string }[] = []
  const sessions: SignInSessions = {
    open: async (identity) => (identities.push(identity), door.outcome),
    failed: (failure) => void failures.push({ ...failure }),
  }
  const pending = createPendingSignInStore({ postgres, keyring, clock })
  const cookies = createCookies()
  const returnPaths = ['/docs', invitationPath, '/app/']
  const server = createServer({
    ...{ service: 'gateway', host: '127.0.0.1', port: 0, logger, telemetry: createTelemetry('gateway'), clock },
    ...{ door: 'edge', metrics: false, health: createHealth() },
    tokens: { verifyAccess: nobody, verifyService: nobody, stopOf: () => null },
    routes: [
      listAuthProvidersRoute({ providers }),
      startSignInRoute({ providers, pending, returnPaths, cookies, ids }),
      completeSignInRoute({ providers, pending, sessions, cookies, invitationPath }),
    ],
  })
  await postgres.start?.()
  await server.start?.()
  const door: SignInDoor = {
    ...{ url: server.address, identities, failures, outcome: opened, adminUrl: database.adminUrl },
    browser: (jar) => createBrowser(server.address, jar),
    database,
    loseDatabase: async () => await postgres[Symbol.asyncDispose](),
    logoutAddress: async (name) => (await providers.get(name)?.logoutAddress('/docs')) ?? null,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await keyring[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
      if (beside === undefined) await database[Symbol.asyncDispose]()
    },
  }
  return door
}

/** Sign-in is open to everybody: no token is ever looked at. */
const nobody = () => Promise.reject(new Error('no token is read here'))

function createBrowser(url: string, cookies = new Map<string, string>()): Browser {
  async function get(address: string): Promise<Visited> {
    const { pathname, search } = new URL(address, url)
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(`${url}${pathname}${search}`, { redirect: 'manual', headers: cookie ? { cookie } : {} })
    for (const set of answer.headers.getSetCookie()) {
      const [pair = ''] = set.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const text = await answer.text()
    const body = (text === '' ? {} : JSON.parse(text)) as Visited['body']
    return {
      status: answer.status,
      headers: answer.headers,
      location: answer.headers.get('location') ?? '',
      body,
      text,
    }
  }
  return {
    ...{ cookies, get },
    async start(provider, query = '') {
      const { status, location, text } = await get(`/v1/auth/login/${provider}${query}`)
      assert.equal(status, 303, text)
      return location
    },
  }
}
