import { openTokenVerifier } from '@csr/http/open-token-verifier'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createUpstream } from '@csr/http/upstream'
import { openKeyring } from '@csr/keyring/open-keyring'
import { createVault } from '@csr/keyring/vault'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
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
  const ports = openPorts('q2q', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const keyring = openKeyring(ports, settings)
  const tokens = createServiceTokens({ service, keyFile: settings.SERVICE_KEY_FILE, clock, ids })
  const calls = { tokens, connectionsMax: 8, logger, telemetry }
  const privacy = createUpstream({ service: 'privacy', urls: settings.PRIVACY_URL, ...calls })
  const safety = createUpstream({ service: 'safety', urls: settings.SAFETY_URL, ...calls })
  const outcomes = createOutcomeStore({ postgres, keyring, clock, ids, scoreText })
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const scoring = {
    outcomes,
    privacy: createPrivacyClient({ privacy, clock, ids }),
    telemetry: createQ2qTelemetry(telemetry),
  }

  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [onTextScreened(scoring), onExportRequested({ contributions })],
  })
  const verifier = openTokenVerifier(ports, settings)
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    ...{ tokens: verifier, answers },
    routes: [
      listOutcomesRoute({ outcomes }),
      getOutcomeSummaryRoute({ outcomes }),
      createScoreRoute({ safety: createSafetyClient({ safety }) }),
      ...outboxRoutes(ports),
      ...parkedRoutes(ports, consumers),
    ],
  })
  return inOrder(service, health, [
    tokens,
    privacy,
    safety,
    postgres,
    keyring,
    nats,
    relay,
    consumers,
    verifier,
    answers,
    server,
  ])
}
