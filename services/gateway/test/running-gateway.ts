import { freePort } from '@csr/stack/servers/ports'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { eventually } from '@csr/testkit/eventually'
import { raisedLimits } from '@csr/testkit/raised-limits'
import { testSecrets } from '@csr/testkit/secrets'
import type { Role } from '@csr/contracts/permissions'
import { createGatewayService } from '../src/service.ts'
import { gatewaySettings } from '../src/settings.ts'

export type Servers = AsyncDisposable & { readonly database: TestDatabase; readonly nats: TestNats }

export async function startServers(): Promise<Servers> {
  const [database, nats] = await Promise.all([privateDatabase(), privateNats()])
  return {
    database,
    nats,
    async [Symbol.asyncDispose]() {
      await nats[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

export type RunningGateway = AsyncDisposable & {
  readonly url: string
  readonly metricsUrl: string
  tokenOf(role: Role, tenantId: string, more?: object): Promise<string>
}

const nobody = 'http://127.0.0.1:9'

/** The whole gateway as `main.ts` makes it, on free ports; the services behind it are not there unless told. */
export async function runGateway(
  { database, nats }: Servers,
  changes: Record<string, string> = {},
): Promise<RunningGateway> {
  const secrets = await testSecrets()
  const port = String(await freePort())
  const metricsPort = String(await freePort())
  const settings = gatewaySettings.parse({
    CSR_MODE: 'development',
    LOG_LEVEL: 'error',
    PORT: port,
    DATABASE_URL: database.url('csr_gateway'),
    WORKER_DATABASE_URL: database.url('csr_gateway_worker'),
    KEYS_DATABASE_URL: database.keysUrl('csr_gateway'),
    NATS_URL: nats.url,
    NATS_CREDENTIALS_FILE: nats.credentialsFile('gateway'),
    SERVICE_KEY_FILE: secrets.serviceKeyFile('gateway'),
    PUBLIC_KEYS_DIR: secrets.publicKeysDir,
    ROOT_KEY_FILE: secrets.rootKeyFile,
    INDEX_KEY_FILE: secrets.indexKeyFile,
    GATEWAY_SIGNING_KEY_FILE: secrets.gatewaySigningKeyFile,
    GATEWAY_METRICS_PORT: metricsPort,
    PROFILE_URL: nobody,
    INGEST_URL: nobody,
    Q2Q_URL: nobody,
    SAFETY_URL: nobody,
    PRIVACY_URL: nobody,
    AUDIT_URL: nobody,
    ...raisedLimits,
    ...changes,
  })
  const service = await createGatewayService(settings)
  await service.start()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
    async tokenOf(role, tenantId, more = {}) {
      const body = JSON.stringify({ role, tenantId, ...more })
      return await eventually(async () => {
        const headers = { 'content-type': 'application/json' }
        const answer = await fetch(`${url}/v1/development/tokens`, { method: 'POST', headers, body })
        if (answer.status !== 201) throw new Error(`no token: ${answer.status}`)
        return ((await answer.json()) as { token: string }).token
      })
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
