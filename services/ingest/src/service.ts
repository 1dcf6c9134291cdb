import type { Route } from '@csr/http/route'
import { openTokenVerifier } from '@csr/http/open-token-verifier'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import type { TokenVerifier } from '@csr/http/token-verifier'
import type { Keyring } from '@csr/keyring/keyring'
import { openKeyring } from '@csr/keyring/open-keyring'
import { createVault } from '@csr/keyring/vault'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { createHealth, inOrder, type Resource, type Service } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { onTenantClosed } from './consumers/on-tenant-closed.ts'
import { flushRefusals } from './jobs/flush-refusals.ts'
import { workOffImports } from './jobs/work-off-imports.ts'
import { createEndpoint } from './routes/create-endpoint.ts'
import { createImportRoute } from './routes/create-import.ts'
import { getImportRoute } from './routes/get-import.ts'
import { listDeliveries } from './routes/list-deliveries.ts'
import { listImportRowsRoute } from './routes/list-import-rows.ts'
import { listImportsRoute } from './routes/list-imports.ts'
import { listEndpoints } from './routes/list-endpoints.ts'
import { receiveWebhook } from './routes/receive-webhook.ts'
import type { IngestSettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createDeliveryStore } from './store/delivery-store.ts'
import { createEndpointStore } from './store/endpoint-store.ts'
import { createImportStore } from './store/import-store.ts'
import { createRefusalStore } from './store/refusal-store.ts'
import { createIngestTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createIngestService(settings: IngestSettings): Promise<Service> {
  const ports = openPorts('ingest', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const keyring = openKeyring(ports, settings)
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const tokens = openTokenVerifier(ports, settings)
  const toleranceSeconds = settings.INGEST_SIGNATURE_TOLERANCE_SECONDS
  const wakeRelay = (): void => relay.wake()
  const intake = createIntake({
    ...{ postgres, keyring, logger, telemetry, clock, ids, toleranceSeconds, wakeRelay, tokens },
    yieldToAnswers: () => relay.yieldToAnswers(),
    livePerSecond: settings.INGEST_LIVE_WEBHOOKS_PER_SECOND,
  })
  const files = createFileIntake({
    postgres,
    keyring,
    logger,
    clock,
    ids,
    wakeRelay,
    bytesMax: settings.INGEST_IMPORT_BYTES_MAX,
  })
  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [onExportRequested({ contributions }), onTenantClosed({ imports: files.imports })],
  })
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health, tokens, answers },
    routes: [...intake.routes, ...files.routes, ...outboxRoutes(ports), ...parkedRoutes(ports, consumers)],
  })
  return inOrder(service, health, [
    postgres,
    keyring,
    nats,
    relay,
    consumers,
    ...intake.jobs,
    files.worker,
    tokens,
    answers,
    server,
  ])
}

/** What takes reports in: needs a database and keys, and no bus. */
export function createIntake(ports: IntakePorts): { routes: readonly Route[]; jobs: readonly Resource[] } {
  const { postgres, keyring, logger, clock, ids, toleranceSeconds, livePerSecond, wakeRelay, tokens } = ports
  const { yieldToAnswers } = ports
  const telemetry = createIngestTelemetry({ telemetry: ports.telemetry, logger })
  const endpoints = createEndpointStore({ postgres, keyring, clock, ids, wakeRelay })
  const deliveries = createDeliveryStore({ postgres, keyring, clock, ids, wakeRelay, yieldToAnswers, livePerSecond })
  const refusals = createRefusalStore({ postgres, clock, ids, wakeRelay })
  const unknownSecret = Buffer.from(ids.secret(), 'base64url')
  return {
    routes: [
      receiveWebhook({ endpoints, deliveries, refusals, tokens, telemetry, clock, toleranceSeconds, unknownSecret }),
      createEndpoint({ endpoints }),
      listEndpoints({ endpoints }),
      listDeliveries({ deliveries }),
    ],
    jobs: [flushRefusals({ refusals, logger })],
  }
}

type IntakePorts = {
  readonly postgres: Postgres
  readonly keyring: Keyring
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly ids: Ids
  readonly toleranceSeconds: number
  readonly livePerSecond: number
  readonly wakeRelay: () => void
  readonly yieldToAnswers: () => void
  /** whose reports are taken at all */
  readonly tokens: Pick<TokenVerifier, 'stopOf'>
}

type FilePorts = Pick<IntakePorts, 'postgres' | 'keyring' | 'logger' | 'clock' | 'ids' | 'wakeRelay'> & {
  readonly bytesMax: number
}

/** What takes files in, and works off their rows: needs a database and keys, and no bus. */
export function createFileIntake({ postgres, keyring, logger, clock, ids, wakeRelay, bytesMax }: FilePorts) {
  const imports = createImportStore({ postgres, keyring, clock, ids, wakeRelay })
  const worker = workOffImports({ imports, hold: (name, signal) => postgres.hold(name, signal), logger })
  return {
    imports,
    worker,
    routes: [
      createImportRoute({ imports, wakeWorker: worker.wake, bytesMax }),
      listImportsRoute({ imports }),
      getImportRoute({ imports }),
      listImportRowsRoute({ imports }),
    ],
  }
}
