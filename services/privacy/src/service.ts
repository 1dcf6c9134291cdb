import { createServer } from '@csr/http/server'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createKeyring } from '@csr/keyring/keyring'
import { connectNats } from '@csr/messaging/connect'
import { runConsumers } from '@csr/messaging/consume'
import { relayOutbox } from '@csr/messaging/relay'
import { createPostgres } from '@csr/postgres/connect'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { onExportContributed } from './consumers/on-export-contributed.ts'
import { settleExports } from './jobs/settle-exports.ts'
import { createDecisionsRoute } from './routes/create-decisions.ts'
import { createExportRoute } from './routes/create-export.ts'
import { downloadExportRoute } from './routes/download-export.ts'
import { getExportRoute } from './routes/get-export.ts'
import { listConsentsRoute } from './routes/list-consents.ts'
import { putConsentRoute } from './routes/put-consent.ts'
import type { PrivacySettings } from './settings.ts'
import { createConsentStore } from './store/consent-store.ts'
import { createExportStore } from './store/export-store.ts'

/** Composition root: everything this service is made of. */
export async function createPrivacyService(settings: PrivacySettings): Promise<Service> {
  const service = 'privacy'
  const health = createHealth()
  const logger = createLogger({ service, level: settings.LOG_LEVEL })
  const telemetry = createTelemetry(service)
  const clock = systemClock(settings.CSR_CLOCK_OFFSET_SECONDS)
  const ids = createIds(clock)
  const postgres = createPostgres({
    ...{ name: service, url: settings.DATABASE_URL, workerUrl: settings.WORKER_DATABASE_URL, logger, telemetry },
  })
  const keyring = createKeyring({
    ...{ service, keysUrl: settings.KEYS_DATABASE_URL, logger, clock, ids, telemetry },
    rootKeyFile: settings.ROOT_KEY_FILE,
    indexKeyFile: settings.INDEX_KEY_FILE,
  })
  const nats = connectNats({
    name: service,
    url: settings.NATS_URL,
    credentialsFile: settings.NATS_CREDENTIALS_FILE,
    logger,
  })
  const relay = relayOutbox({ service, postgres, nats, logger, telemetry, clock })
  const wake = () => relay.wake()
  const consents = createConsentStore({ postgres, clock, ids, wake })
  const exports = createExportStore({ postgres, keyring, clock, ids, wake })

  const consumers = runConsumers({
    ...{ service, postgres, nats, relay, logger, telemetry, clock, ids },
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    handlers: onExportContributed({ exports }),
  })

  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    tokens: createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock }),
    routes: [
      listConsentsRoute({ consents }),
      putConsentRoute({ consents }),
      createDecisionsRoute({ consents }),
      createExportRoute({ exports }),
      getExportRoute({ exports }),
      downloadExportRoute({ exports }),
    ],
  })
  return inOrder(service, health, [
    postgres,
    keyring,
    nats,
    relay,
    settleExports({ exports, logger }),
    consumers,
    server,
  ])
}
