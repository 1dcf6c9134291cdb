import { eventPlace } from '@csr/contracts/events/event-place'
import { readSigningKey } from '@csr/http/keys'
import { createServer } from '@csr/http/server'
import { readTokenTrust } from '@csr/http/token-trust'
import { createTokenVerifier, type TokenVerifier } from '@csr/http/token-verifier'
import type { Upstream } from '@csr/http/upstream'
import { createHealth } from '@csr/runtime/lifecycle'
import { createTelemetry } from '@csr/runtime/telemetry'
import { statement } from '@csr/postgres/statement'
import { recordRefusals } from '../../src/jobs/record-refusals.ts'
import { openAccounts, type OpenAccounts } from '../../src/sessions/open-accounts.ts'
import type { VerifiedIdentity } from '../../src/sign-in/verified-identity.ts'
import { createContributionStore } from '../../src/store/contribution-store.ts'
import { createRefusalStore } from '../../src/store/refusal-store.ts'
import { createTenantStore } from '../../src/store/tenant-store.ts'
import { createAccessTokenIssuer } from '../../src/tokens/issue-access-token.ts'
import { createTokenSigner } from '../../src/tokens/sign-token.ts'
import { openStores, type OpenStores } from '../open-stores.ts'

/** The gateway's door with everything after a sign-in behind it, on a clock that is moved by hand. */
export type AccountDoor = AsyncDisposable & {
  readonly stores: OpenStores
  readonly url: string
  readonly accounts: OpenAccounts
  /** reads keys and revocations again: the clock was moved past what is known of them */
  refresh(): Promise<void>
  /** a tenant with these rules */
  tenant(rules?: object): Promise<string>
  /** as an operator of the platform */
  operate(method: string, path: string, body?: object): Promise<Answered>
  browser(): TestBrowser
  tokenOf(role: string, tenantId: string, more?: object): Promise<string>
  ask(path: string, init?: RequestInit): Promise<Answered>
  /** what a service trusts that has just read it */
  service(): Promise<TokenVerifier & AsyncDisposable>
  events(type: string): Promise<Recorded[]>
  /** a person with a key of their own */
  person(tenantId: string, subjectId: string): Promise<void>
  /** what the gateway contributes to an export of this person */
  contributed(tenantId: string, subjectId: string): Promise<{ readonly sealed: unknown; readonly opened: string }[]>
  /** what profile answers when it is asked for a person */
  profileStatus: number
}

export type Answered = {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}
export type Recorded = {
  readonly tenantid: string
  readonly subject: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A browser of one person: it keeps cookies and says where its requests come from. */
export type TestBrowser = {
  readonly cookies: Map<string, string>
  /** completes a sign-in; the outcome's cookies are kept */
  signIn(identity: VerifiedIdentity): Promise<string>
  /** from a page of ours, with the token of the session unless told otherwise */
  send(method: string, path: string, options?: { body?: object; headers?: Record<string, string> }): Promise<Answered>
}

const operatorId = 'operator-1'

export async function openAccountDoor(): Promise<AccountDoor> {
  const stores = await openStores()
  const { clock, ids, logger, postgres, keyring, relay, secrets } = stores
  const key = await readSigningKey(secrets.gatewaySigningKeyFile)
  const signer = createTokenSigner({ active: () => key })
  const issue = createAccessTokenIssuer({ signer, issuer: 'csr-backbone', clock, ids })
  const trust = readTokenTrust({ postgres, clock, logger })
  const tenants = createTenantStore({ postgres, keyring, relay, clock, ids })
  const { publicKeysDir } = secrets
  const refusals = recordRefusals({
    refusals: createRefusalStore({ postgres, relay, clock, ids }),
    telemetry: { refused: () => undefined, refusalsWait: () => undefined },
    ...{ keyring, clock },
  })
  const profile = {
    call: async () => ({ status: door.profileStatus, headers: {}, body: Buffer.from('{}') }),
  } as unknown as Upstream
  const settings = {
    CSR_MODE: 'production' as const,
    ...{ PORT: 3_000, GATEWAY_ORIGINS: ['https://csr.example.org'] },
    ...{ GATEWAY_SESSION_IDLE_MINUTES: 30, GATEWAY_SESSION_HOURS: 12, ACCESS_TOKEN_ISSUER: 'csr-backbone' },
    GATEWAY_CLOSURE_DAYS: 30,
    ...{ GATEWAY_APPLICATION_DAYS: 30, GATEWAY_APPLICATION_IDLE_DAYS: 7 },
  }
  const accounts = openAccounts({
    ports: stores,
    settings,
    ...{ keyring, tenants, upstreams: { profile }, trust, issue, refusals },
    providerLogoutUrl: async (provider) => (provider === 'azure' ? 'https://login.example.org/logout' : null),
  })
  const server = createServer({
    ...{ service: 'gateway', host: '127.0.0.1', port: 0, logger, telemetry: createTelemetry('gateway'), clock },
    ...{ door: 'edge', metrics: false, health: createHealth(), sessions: accounts.edge },
    tokens: createTokenVerifier({ service: 'gateway', publicKeysDir, clock, trust }),
    routes: accounts.routes,
  })
  await trust.start?.()
  await server.start?.()

  async function ask(path: string, init: RequestInit = {}): Promise<Answered> {
    const answer = await fetch(server.address + path, { redirect: 'manual', ...init })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text === '' ? {} : (JSON.parse(text) as never) }
  }

  const tokenOf = async (role: string, tenantId: string, more: object = {}): Promise<string> => {
    const grant = { actorId: operatorId, tenantId, roles: [role as never], subjectId: null, sessionId: null }
    const issued = await issue({ ...grant, clientId: null, signedInAtMs: clock.nowMs(), ...more })
    return issued.token
  }

  async function operate(method: string, path: string, body?: object): Promise<Answered> {
    const token = await tokenOf('platform_admin', '00000000-0000-7000-8000-000000000000')
    return await ask(path, jsonOf(method, body, { authorization: `Bearer ${token}` }))
  }

  const door: AccountDoor = {
    ...{ stores, accounts, tokenOf, ask, operate, url: server.address, profileStatus: 200 },
    async tenant(rules) {
      const created = await tenants.create({ name: 'Example', actorId: operatorId, requestId: 'r' }, async () => [])
      if (rules) {
        const { status } = await operate('PUT', `/v1/tenants/${created.id}/sign-in-rules`, rules)
        if (status !== 200) throw new Error(`rules were answered ${status}`)
      }
      return created.id
    },
    async refresh() {
      await trust.start?.()
    },
    browser: () => createBrowser(door),
    async service() {
      const own = readTokenTrust({ clock, logger, postgres: stores.asService('profile') })
      await own.start?.()
      const verifier = createTokenVerifier({ service: 'profile', publicKeysDir, clock, trust: own })
      return { ...verifier, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() }
    },
    async person(tenantId, subjectId) {
      await keyring.createRecordKeys(tenantId, [subjectId])
    },
    async contributed(tenantId, subjectId) {
      const stamp = () => ({ id: ids.uuid(), time: clock.now() })
      const request = { id: ids.uuid(), data: { exportId: ids.uuid(), subjectId } } as never
      const events = await createContributionStore({ postgres, keyring, stamp }).contribute(tenantId, request)
      const keys = await keyring.load(tenantId, [subjectId])
      return events.map((event) => {
        const opened = keys.open(event.data.content as never, eventPlace(event, 'content'))
        if (opened.state !== 'value') throw new Error(`content is ${opened.state}`)
        return { sealed: event.data.content, opened: opened.value }
      })
    },
    async events(type) {
      const select = 'select payload from gateway.outbox where topic = $1 order by id'
      const [rows] = await postgres.worker([statement<{ payload: string }>(select, [type])])
      return rows.map(({ payload }) => JSON.parse(payload) as Recorded)
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await refusals[Symbol.asyncDispose]()
      await trust[Symbol.asyncDispose]()
      await stores[Symbol.asyncDispose]()
    },
  }
  return door
}

function createBrowser(door: AccountDoor): TestBrowser {
  const cookies = new Map<string, string>()
  const header = (): string => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')

  function keep(set: readonly string[]): void {
    for (const cookie of set) {
      const [pair = ''] = cookie.split(';')
      const name = pair.slice(0, pair.indexOf('='))
      if (/Max-Age=0/.test(cookie)) cookies.delete(name)
      else cookies.set(name, pair.slice(pair.indexOf('=') + 1))
    }
  }

  return {
    cookies,
    async signIn(identity) {
      const request = { requestId: 'request-1', clientAddress: '192.0.2.1', headers: { cookie: header() } }
      const outcome = await door.accounts.signIn.open(identity, request)
      if (outcome.outcome !== 'refused') keep(outcome.cookies)
      return outcome.outcome === 'refused' ? outcome.code : outcome.outcome
    },
    async send(method, path, { body, headers = {} } = {}) {
      const me = method === 'GET' ? null : await door.ask('/v1/me', { headers: { cookie: header() } })
      const own = { cookie: header(), origin: 'https://csr.example.org', 'x-csrf-token': String(me?.body['csrfToken']) }
      const answer = await door.ask(path, jsonOf(method, body, { ...own, ...headers }))
      keep(answer.headers.getSetCookie())
      return answer
    },
  }
}

function jsonOf(method: string, body: object | undefined, headers: Record<string, string>): RequestInit {
  if (body === undefined) return { method, headers }
  return { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

let people = 0

/** Somebody new at Google, in the hosted domain `example.org`, unless told otherwise. */
export function identityOf(door: AccountDoor, changes: Partial<VerifiedIdentity> = {}): VerifiedIdentity {
  people += 1
  return {
    ...{ provider: 'google', issuer: 'https://accounts.example.org', subject: `subject-${people}` },
    ...{ email: `person-${people}@example.org`, emailVerified: true, name: 'Example Person' },
    ...{ tid: null, hd: 'example.org', acr: null, amr: [], authenticatedAt: door.stores.clock.now() },
    ...changes,
  }
}
