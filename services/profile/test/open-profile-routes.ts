import type { Role } from '@csr/contracts/permissions'
import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { statement } from '@csr/postgres/statement'
import { createHealth } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { signAccessToken } from '@csr/testkit/access-tokens'
import { testSecrets } from '@csr/testkit/secrets'
import { setUpKeys } from '@csr/testkit/token-trust'
import { createRoutes } from '../src/service.ts'
import { createReadingStore, type ReadingStore } from '../src/store/reading-store.ts'
import { openProfileStore, type TestProfiles } from './open-profile-store.ts'

export type Answer = { readonly status: number; readonly body: Record<string, unknown> & { items?: { id: string }[] } }
export type Caller = { readonly tenantId: string; readonly role: Role; readonly subject?: string }

/** The routes of the profile service over HTTP, called as the gateway calls them. */
export type TestRoutes = TestProfiles & {
  readonly readings: ReadingStore
  readonly url: string
  call(caller: Caller, path: string, body?: unknown): Promise<Answer>
  /** what was announced about readings in a tenant, oldest first */
  readingsOf(tenantId: string): Promise<{ subjectId: string; actorId: string; quarter: string; count: number }[]>
}

export async function openProfileRoutes(): Promise<TestRoutes> {
  const open = await openProfileStore()
  const { clock, ids, postgres, profiles, stamp } = open
  const { publicKeysDir, gatewaySigningKeyFile, serviceKeyFile } = await testSecrets()
  const readings = createReadingStore({ postgres, relay: { wake: () => {} }, clock, stamp })
  const service = 'profile'
  const health = createHealth()
  const logger = createLogger({ service, destination: { write: () => {} } })
  const telemetry = createTelemetry(service)
  const tokens = createTokenVerifier({ service, publicKeysDir, clock, trust: setUpKeys })
  const server = createServer({
    ...{ service, host: '127.0.0.1', port: 0, logger, telemetry, clock, health, tokens },
    routes: createRoutes({ profiles, readings }),
  })
  await server.start?.()
  let gateway = await openGateway()
  const signed = new Map<string, string>()

  /** The clock of a test moves in leaps, which a gateway would sit out with the token it has. */
  async function openGateway() {
    const serviceTokens = createServiceTokens({ service: 'gateway', keyFile: serviceKeyFile('gateway'), clock, ids })
    await serviceTokens.start?.()
    return { serviceTokens, openedMs: clock.nowMs() }
  }

  async function serviceToken(): Promise<string> {
    if (clock.nowMs() - gateway.openedMs > 60_000) {
      await gateway.serviceTokens[Symbol.asyncDispose]()
      gateway = await openGateway()
    }
    return gateway.serviceTokens.tokenFor(service)
  }

  return {
    ...open,
    readings,
    url: server.address,
    async call(caller, path, body) {
      const known = JSON.stringify([caller, Math.floor(clock.nowMs() / 300_000)])
      const token = signed.get(known) ?? signAccessToken(gatewaySigningKeyFile, clock.nowMs(), caller)
      signed.set(known, token)
      const response = await fetch(`${server.address}${path}`, {
        headers: {
          authorization: `Bearer ${token}`,
          'x-service-token': await serviceToken(),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      })
      return { status: response.status, body: (await response.json()) as Answer['body'] }
    },
    async readingsOf(tenantId) {
      const [rows] = await postgres.worker([
        statement<{ payload: string }>(
          `select payload from profile.outbox where tenant_id = $1 and topic = 'profile.record.read.v1' order by id`,
          [tenantId],
        ),
      ])
      return rows.map(({ payload }) => JSON.parse(payload).data)
    },
    async [Symbol.asyncDispose]() {
      await gateway.serviceTokens[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await open[Symbol.asyncDispose]()
    },
  }
}
