import { openTokenVerifier } from '@csr/http/open-token-verifier'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import { openKeyring } from '@csr/keyring/open-keyring'
import { createVault } from '@csr/keyring/vault'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
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
  const ports = openPorts('safety', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const keyring = openKeyring(ports, settings)
  const screenings = createScreeningStore({ postgres, keyring, clock, ids })
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const texts = { screenings, telemetry: createSafetyTelemetry(telemetry) }

  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [onSessionCompleted(texts), onFeedbackSubmitted(texts), onExportRequested({ contributions })],
  })
  const tokens = openTokenVerifier(ports, settings)
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health, tokens, answers },
    routes: [
      createScreeningRoute(),
      listReviewsRoute({ screenings }),
      ...outboxRoutes(ports),
      ...parkedRoutes(ports, consumers),
    ],
  })
  return inOrder(service, health, [postgres, keyring, nats, relay, consumers, tokens, answers, server])
}
