import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createUpstream } from '@csr/http/upstream'
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
import { scoreText } from './classifier/score-text.ts'
import { createPrivacyClient } from './clients/privacy-client.ts'
import { createSafetyClient } from './clients/safety-client.ts'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { onTextScreened } from './consumers/on-text-screened.ts'
import { createScoreRoute } from './routes/create-score.ts'
import { getOutcomeSummaryRoute } from './routes/get-outcome-summary.ts'
import { listOutcomesRoute } from './routes/list-outcomes.ts'
import type { Q2qSettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createOutcomeStore } from './store/outcome-store.ts'
import { createQ2qTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createQ2qService(settings: Q2qSettings): Promise<Service> {
  const service = 'q2q'
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
  const tokens = createServiceTokens({ service, keyFile: settings.SERVICE_KEY_FILE, clock, ids })
  const privacy = createUpstream({
    service: 'privacy',
    url: settings.PRIVACY_URL,
    tokens,
    connectionsMax: 8,
    logger,
    telemetry,
  })
  const safety = createUpstream({
    service: 'safety',
    url: settings.SAFETY_URL,
    tokens,
    connectionsMax: 8,
    logger,
    telemetry,
  })
  const outcomes = createOutcomeStore({ postgres, keyring, clock, ids, scoreText })

  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  const contributions = createContributionStore({ postgres, keyring, stamp })

  const consumers = runConsumers({
    ...{ service, postgres, nats, relay, logger, telemetry, clock, ids },
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    handlers: [
      onTextScreened({
        outcomes,
        privacy: createPrivacyClient({ privacy, clock, ids }),
        telemetry: createQ2qTelemetry(telemetry),
      }),
      onExportRequested({ contributions }),
    ],
  })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    tokens: createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock }),
    routes: [
      listOutcomesRoute({ outcomes }),
      getOutcomeSummaryRoute({ outcomes }),
      createScoreRoute({ safety: createSafetyClient({ safety }) }),
    ],
  })
  return inOrder(service, health, [tokens, privacy, safety, postgres, keyring, nats, relay, consumers, server])
}
