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
import { onDeadLetterForgotten } from './consumers/on-dead-letter-forgotten.ts'
import { onExportContributed } from './consumers/on-export-contributed.ts'
import { onTenantErasureDue } from './consumers/on-tenant-erasure-due.ts'
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
  const ports = openPorts('privacy', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const keyring = openKeyring(ports, settings)
  const wake = () => relay.wake()
  const consents = createConsentStore({ postgres, clock, ids, wake })
  const exports = createExportStore({ postgres, keyring, clock, ids, wake })
  const settling = settleExports({ exports, logger })

  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [
      ...onExportContributed({ exports }),
      onDeadLetterForgotten({ keyring }),
      onTenantErasureDue({ keyring, stamp }),
    ],
  })
  const tokens = openTokenVerifier(ports, settings)
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health, tokens, answers },
    routes: [
      listConsentsRoute({ consents }),
      putConsentRoute({ consents }),
      createDecisionsRoute({ consents }),
      createExportRoute({ exports }),
      getExportRoute({ exports }),
      downloadExportRoute({ exports }),
      ...outboxRoutes(ports),
      ...parkedRoutes(ports, consumers),
    ],
  })
  return inOrder(service, health, [postgres, keyring, nats, relay, settling, consumers, tokens, answers, server])
}
