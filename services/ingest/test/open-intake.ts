import { randomUUID } from 'node:crypto'
import type { Partner } from '@csr/contracts/events/ingest'
import type { EndpointCreated } from '@csr/contracts/http/ingest'
import type { Role } from '@csr/contracts/permissions'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers, type AnswerKeeper } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import type { Stop } from '@csr/http/token-trust'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { createIds, type Ids } from '@csr/runtime/ids'
import { createHealth, inOrder } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { signAccessToken } from '@csr/testkit/access-tokens'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock, type FakeClock } from '@csr/testkit/fake-clock'
import { testSecrets } from '@csr/testkit/secrets'
import { setUpKeys } from '@csr/testkit/token-trust'
import { sign } from '@csr/testkit/webhooks'
import postgres from 'postgres'
import { createFileIntake, createIntake } from '../src/service.ts'

export type Answer = {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly text: string
  readonly headers: Headers
}

export type Posting = {
  readonly endpoint: EndpointCreated
  readonly body: unknown
  readonly id?: string
  readonly secret?: string
  readonly timestamp?: number
  readonly headers?: Record<string, string | undefined>
}

/** `body`: text goes as CSV, anything else as JSON */
export type Asked = {
  readonly body?: unknown
  readonly role?: Role
  readonly actorId?: string
  readonly headers?: Record<string, string>
}

/** The routes of ingest over HTTP, with the service's own roles and keys on databases of their own. */
export type TestIntake = AsyncDisposable & {
  readonly database: TestDatabase
  readonly clock: FakeClock
  readonly ids: Ids
  readonly url: string
  readonly logLines: string[]
  readonly postgres: Postgres
  readonly answers: AnswerKeeper
  readonly admin: postgres.Sql
  tenant(): Promise<string>
  endpoint(tenantId: string, partner?: Partner, programme?: string): Promise<EndpointCreated>
  /** signs and posts as the partner would, through a gateway that vouches for nothing */
  post(posting: Posting): Promise<Answer>
  call(tenantId: string, method: string, path: string, asked?: Asked): Promise<Answer>
  send(path: string, init: RequestInit): Promise<Answer>
  /** what stands in the outbox for a tenant, oldest first */
  events(tenantId: string): Promise<{ id: string; type: string; subject: string; data: Record<string, unknown> }[]>
  keyring: Keyring
  /** tenants of which nothing is answered, as the gateway's tables would say */
  stopped: Map<string, Stop>
}

export async function openIntake(options: { server?: 'own'; livePerSecond?: number } = {}): Promise<TestIntake> {
  const { livePerSecond = 1_000 } = options
  const database = await privateDatabase(options)
  const secrets = await testSecrets()
  const { rootKeyFile, indexKeyFile, publicKeysDir } = secrets
  const clock = fakeClock()
  const ids = createIds(clock)
  const logLines: string[] = []
  const logger = createLogger({ service: 'ingest', destination: { write: (line) => void logLines.push(line) } })
  const telemetry = createTelemetry('ingest')
  const [url, workerUrl] = [database.url('csr_ingest'), database.url('csr_ingest_worker')]
  const data = createPostgres({ name: 'ingest', url, workerUrl, logger })
  const keyringOf = (service: 'ingest' | 'gateway') =>
    createKeyring({
      ...{ service, keysUrl: database.keysUrl(`csr_${service}`), rootKeyFile, indexKeyFile, logger, clock, ids },
    })
  const keyring = keyringOf('ingest')
  const gatewayKeyring = keyringOf('gateway')
  const stopped = new Map<string, Stop>()
  const ports = {
    postgres: data,
    keyring,
    logger,
    telemetry,
    clock,
    ids,
    toleranceSeconds: 300,
    livePerSecond,
    wakeRelay: () => {},
    yieldToAnswers: () => {},
    tokens: { stopOf: (tenantId: string) => stopped.get(tenantId) ?? null },
  }
  const intake = createIntake(ports)
  const files = createFileIntake({ ...ports, bytesMax: 1_048_576 })
  const answers = keepAnswers({ ...ports, service: 'ingest', seal: sealedAnswers('ingest', keyring) })
  const health = createHealth()
  const server = createServer({
    ...{ service: 'ingest', host: '127.0.0.1', port: 0, logger, telemetry, clock, health, answers },
    routes: [...intake.routes, ...files.routes],
    tokens: createTokenVerifier({ service: 'ingest', publicKeysDir, clock, trust: { ...setUpKeys, ...ports.tokens } }),
  })
  const service = inOrder('ingest', health, [data, keyring, gatewayKeyring, ...intake.jobs, answers, server])
  await service.start()
  const keyFile = secrets.serviceKeyFile('gateway')
  const gateway = createServiceTokens({ service: 'gateway', keyFile, clock, ids })
  await gateway.start?.()
  const admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const headers = { 'x-service-token': gateway.tokenFor('ingest'), ...(init.headers as Record<string, string>) }
    const response = await fetch(`${server.address}${path}`, { ...init, headers })
    const text = await response.text()
    const body = JSON.parse(text || '{}') as Answer['body']
    return { status: response.status, body, text, headers: response.headers }
  }

  async function call(tenantId: string, method: string, path: string, asked: Asked = {}) {
    const { body, role = 'company_admin', actorId = 'account-1' } = asked
    const token = signAccessToken(secrets.gatewaySigningKeyFile, clock.nowMs(), { tenantId, role, actorId })
    const isText = typeof body === 'string'
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': isText ? 'text/csv' : 'application/json' }),
      ...asked.headers,
    }
    return await send(path, {
      method,
      headers,
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    })
  }

  return {
    ...{
      database,
      clock,
      ids,
      url: server.address,
      logLines,
      postgres: data,
      answers,
      admin,
      keyring,
      send,
      call,
      stopped,
    },
    async tenant() {
      const tenantId = ids.uuid()
      await eventually(() => gatewayKeyring.createTenant(tenantId), { what: 'the keys of a tenant' })
      return tenantId
    },
    async endpoint(tenantId, partner = 'kintell', programme) {
      const { body } = await call(tenantId, 'POST', '/v1/endpoints', { body: { partner, programme } })
      return body as EndpointCreated
    },
    async post({ endpoint, body, id = randomUUID(), secret = endpoint.secret, timestamp, headers }) {
      const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
      const seconds = timestamp ?? Math.floor(clock.nowMs() / 1_000)
      const signed = { ...sign({ secret, id, timestamp: seconds, body: text }), ...headers }
      const kept = Object.fromEntries(Object.entries(signed).filter(([, value]) => value !== undefined))
      return await send(endpoint.webhookPath, {
        method: 'POST',
        headers: kept,
        body: text,
      })
    },
    async events(tenantId) {
      const rows = await admin`select payload from ingest.outbox where tenant_id = ${tenantId} order by id`
      return rows.map(({ payload }) => JSON.parse(payload as string))
    },
    async [Symbol.asyncDispose]() {
      await admin.end({ timeout: 1 })
      await gateway[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
