import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getProfile } from '@csr/contracts/http/profile'
import { createScore } from '@csr/contracts/http/q2q'
import type { Limits } from '@csr/http/limits'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createUpstream } from '@csr/http/upstream'
import { openIndexKey } from '@csr/keyring/index-key'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { signAccessToken } from '@csr/testkit/access-tokens'
import { privateCountStore } from '@csr/testkit/count-store'
import { eventually } from '@csr/testkit/eventually'
import { raisedLimits } from '@csr/testkit/raised-limits'
import { testSecrets, type TestSecrets } from '@csr/testkit/secrets'
import { setUpKeys } from '@csr/testkit/token-trust'
import { Pool } from 'undici'
import { openFirewall } from '../../services/gateway/src/firewall/open-firewall.ts'
import { createLimits } from '../../services/gateway/src/limits/limits.ts'
import { openSharedCounts } from '../../services/gateway/src/limits/shared-counts.ts'
import { policiesOf } from '../../services/gateway/src/limits/tiers.ts'
import { createCookies, CookieName } from '../../services/gateway/src/sessions/cookies.ts'
import { exchangeCookies } from '../../services/gateway/src/sessions/exchange-cookie.ts'
import type { Session } from '../../services/gateway/src/store/session-store.ts'
import { kilobytes } from './firewall.ts'
import type { Cost } from './measured.ts'

const warmUpTimes = 5_000
const times = 20_000
const platformTenantId = '00000000-0000-7000-8000-000000000000'
const tenantId = '0198a000-0000-7000-8000-00000000000a'
const profileId = '0198b000-0000-7000-8000-00000000000b'

type Step = (round: number) => unknown

const clock = systemClock()
const ids = createIds(clock)
const silent = (): void => undefined

/** What each check of the gateway costs by itself: its own functions on inputs as they come, one after the other. */
export async function gatewayChecks(note: (text: string) => void): Promise<Cost[]> {
  const secrets = await testSecrets()
  return [
    ...(await tokenCosts(secrets)),
    ...(await limitCosts(secrets, note)),
    ...(await firewallCosts()),
    ...(await upstreamCosts(secrets)),
    await sessionCost(secrets),
  ]
}

async function tokenCosts(secrets: TestSecrets): Promise<Cost[]> {
  const tokens = Array.from({ length: 200 }, (_, user) => tokenOf(secrets, `user-${user}`))
  const { publicKeysDir } = secrets
  const open = () => createTokenVerifier({ service: 'gateway', publicKeysDir, clock, trust: setUpKeys })
  const verifier = open()
  await verifier.verifyAccess(tokens[0] as string)
  const strangers = [...tokens.slice(1).values()]
  const first = await costOf(
    'token, first use: signature and claims',
    (at) => verifier.verifyAccess(strangers[at] ?? ''),
    {
      ...{ warmUpTimes: 50, times: 140 },
    },
  )
  const again = await costOf('token, known', (at) => verifier.verifyAccess(tokens[at % 100] as string))
  return [again, first]
}

async function limitCosts({ indexKeyFile }: TestSecrets, note: (text: string) => void): Promise<Cost[]> {
  const take =
    (limits: Limits): Step =>
    (at) =>
      limits.take('user', `${tenantId}/user-${at % 50}`)
  const alone = createLimits({ ...limitOptions, shared: null })
  const costs = [await costOf('limit, counted in memory', take(alone))]
  const store = await privateCountStore().catch((error: unknown) => note(`no store of shared counts: ${String(error)}`))
  if (!store) return costs
  const indexKey = openIndexKey(indexKeyFile)
  const mark = (key: string) => indexKey.fingerprint(platformTenantId, 'limits')([key]).toString('base64url')
  const shared = openSharedCounts({ url: store.url, mark })
  try {
    await shared.start?.()
    await eventually(() => shared.take('ready', policies.user))
    const together = createLimits({ ...limitOptions, shared })
    const step = 'limit, counted in memory and in the shared store'
    return [...costs, await costOf(step, take(together), { warmUpTimes: 1_000, times: 5_000 })]
  } finally {
    await shared[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
}

const policies = policiesOf(
  Object.fromEntries(Object.entries(raisedLimits).map(([name, limit]) => [name, Number(limit)])) as never,
)
const limitOptions = {
  ...{ policies, clock, replicas: 1, refused: silent },
  storeLost: (error: unknown) => {
    throw error
  },
}

async function firewallCosts(): Promise<Cost[]> {
  const options = { exclusionsFile: undefined, clock, witness: silent, expired: silent }
  const { firewall } = openFirewall({ mode: 'block', ...options })
  const [reading, scoring] = [firewall.screening(getProfile), firewall.screening(createScore)]
  const read = { params: { id: profileId }, query: { fields: 'basic' }, body: undefined }
  const bodies = kilobytes().map((text) => ({ params: {}, query: {}, body: { text } }))
  return [
    await costOf('firewall, path and query of a profile', () => reading.screen(read)),
    await costOf('firewall, a body of 1 KB', (at) => scoring.screen(bodies[at % bodies.length] ?? read)),
  ]
}

/** Breaker, bulkhead, deadline and headers are what a call costs beyond the same call through the bare pool. */
async function upstreamCosts({ serviceKeyFile }: TestSecrets): Promise<Cost[]> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokens = createServiceTokens({ service: 'gateway', keyFile: serviceKeyFile('gateway'), clock, ids })
  await tokens.start?.()
  const logger = createLogger({ service: 'gateway', destination: { write: silent } })
  const upstream = createUpstream({
    service: 'profile',
    urls: [url],
    tokens,
    logger,
    telemetry: createTelemetry('bench'),
  })
  const pool = new Pool(url, { connections: 64, pipelining: 1 })
  const call = { method: 'GET', path: `/v1/profiles/${profileId}`, requestId: ids.uuid(), deadlineMs: 2_500 } as const
  const bare: Step = async () => {
    const { body } = await pool.request({ method: call.method, path: call.path })
    return await body.arrayBuffer()
  }
  try {
    const token = await costOf('service token', () => tokens.tokenFor('profile'))
    const few = { warmUpTimes: 2_000, times: 4_000 }
    const through = await costOf('a call with bulkhead, breaker and deadline', () => upstream.call(call), few)
    return [token, through, await costOf('the same call by the bare pool', bare, few)]
  } finally {
    await upstream[Symbol.asyncDispose]()
    await pool.destroy()
    await tokens[Symbol.asyncDispose]()
    server.closeAllConnections()
    server.close()
  }
}

/** A session that was read within the last 10 s; reading it again is two look-ups in the database. */
async function sessionCost(secrets: TestSecrets): Promise<Cost> {
  const cookies = createCookies()
  const secret = ids.secret()
  const nowMs = clock.nowMs()
  const session: Session = {
    ...{ id: ids.uuid(), tenantId, accountId: ids.uuid(), kind: 'browser', provider: 'google', secondFactor: false },
    ...{ signedInAtMs: nowMs, openedAtMs: nowMs, seenAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 },
  }
  const token = { token: tokenOf(secrets, session.accountId), expiresAtMs: nowMs + 600_000 }
  const edge = exchangeCookies({
    sessions: { findBySecret: async () => session, touch: async () => undefined },
    memberships: { find: async () => ({ tenantId, roles: ['programme_manager'], subjectId: null }) },
    ...{ issue: async () => token, trust: setUpKeys, cookies, clock },
    crossSite: { assertOwnPage: silent },
    limits: { idleMs: 1_800_000, lifeMs: 43_200_000 },
  })
  const cookie = cookies.set(CookieName.session, secret).split(';')[0] ?? ''
  return await costOf('cookie of a session that is known', () =>
    edge.accessToken({ method: 'GET', headers: { cookie } }),
  )
}

function tokenOf({ gatewaySigningKeyFile }: TestSecrets, actorId: string): string {
  return signAccessToken(gatewaySigningKeyFile, clock.nowMs(), { tenantId, role: 'programme_manager', actorId })
}

async function costOf(step: string, run: Step, counts = { warmUpTimes, times }): Promise<Cost> {
  for (let round = 0; round < counts.warmUpTimes; round += 1) await run(round)
  const costsUs = new Float64Array(counts.times)
  for (let round = 0; round < counts.times; round += 1) {
    const startedMs = performance.now()
    const doing = run(counts.warmUpTimes + round)
    if (doing instanceof Promise) await doing
    costsUs[round] = (performance.now() - startedMs) * 1_000
  }
  costsUs.sort()
  const at = (share: number): number => costsUs[Math.floor(costsUs.length * share)] ?? 0
  return { step, p50Us: at(0.5), p95Us: at(0.95) }
}
