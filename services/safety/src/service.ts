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
import { onExportRequested } from './consumers/on-export-requested.ts'
import { onFeedbackSubmitted } from './consumers/on-feedback-submitted.ts'
import { onSessionCompleted } from './consumers/on-session-completed.ts'
import { createScreeningRoute } from './routes/create-screening.ts'
import { listReviewsRoute } from './routes/list-reviews.ts'
import type { SafetySettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createScreeningStore } from './store/screening-store.ts'
import { createSafetyTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createSafetyService(settings: SafetySettings): Promise<Service> {
  const service = 'safety'
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
  const screenings = createScreeningStore({ postgres, keyring, clock, ids })
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const texts = { screenings, telemetry: createSafetyTelemetry(telemetry) }

  const consumers = runConsumers({
    ...{ service, postgres, nats, relay, logger, telemetry, clock, ids },
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    handlers: [onSessionCompleted(texts), onFeedbackSubmitted(texts), onExportRequested({ contributions })],
  })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    tokens: createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock }),
    routes: [createScreeningRoute(), listReviewsRoute({ screenings })],
  })
  return inOrder(service, health, [postgres, keyring, nats, relay, consumers, server])
}
