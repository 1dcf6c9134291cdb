import { createServer } from '@csr/http/server'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { connectNats } from '@csr/messaging/connect'
import { relayOutbox } from '@csr/messaging/relay'
import { createPostgres } from '@csr/postgres/connect'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { createDecisionsRoute } from './routes/create-decisions.ts'
import { listConsentsRoute } from './routes/list-consents.ts'
import { putConsentRoute } from './routes/put-consent.ts'
import type { PrivacySettings } from './settings.ts'
import { createConsentStore } from './store/consent-store.ts'

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
  const nats = connectNats({
    name: service,
    url: settings.NATS_URL,
    credentialsFile: settings.NATS_CREDENTIALS_FILE,
    logger,
  })
  const relay = relayOutbox({ service, postgres, nats, logger, telemetry, clock })
  const consents = createConsentStore({ postgres, clock, ids, wake: () => relay.wake() })

  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    tokens: createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock }),
    routes: [listConsentsRoute({ consents }), putConsentRoute({ consents }), createDecisionsRoute({ consents })],
  })
  return inOrder(service, health, [postgres, nats, relay, server])
}
