import type { Route } from '@csr/http/route'
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
import { onCourseCompleted } from './consumers/on-course-completed.ts'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { onFeedbackSubmitted } from './consumers/on-feedback-submitted.ts'
import { onMatchCreated } from './consumers/on-match-created.ts'
import { onOutcomeScored } from './consumers/on-outcome-scored.ts'
import { onOutcomeWithheld } from './consumers/on-outcome-withheld.ts'
import { onSessionCompleted } from './consumers/on-session-completed.ts'
import { announceReadings } from './jobs/announce-readings.ts'
import { getProfileRoute } from './routes/get-profile.ts'
import { listActivitiesRoute } from './routes/list-activities.ts'
import { listProfilesRoute } from './routes/list-profiles.ts'
import { searchProfilesRoute } from './routes/search-profiles.ts'
import type { ProfileSettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { attachOutcomes } from './store/outcome-store.ts'
import { createProfileStore, type ProfileStore } from './store/profile-store.ts'
import { createReadingStore, type ReadingStore } from './store/reading-store.ts'
import { createProfileTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createProfileService(settings: ProfileSettings): Promise<Service> {
  const ports = openPorts('profile', settings)
  const { service, logger, telemetry, clock, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const keyring = openKeyring(ports, settings)
  const facts = createProfileTelemetry(telemetry, logger)
  const profiles = createProfileStore({ postgres, keyring, clock })
  const readings = createReadingStore({ postgres, relay, clock, stamp })
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const reports = { profiles, telemetry: facts, stamp }

  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [
      onSessionCompleted(reports),
      onMatchCreated(reports),
      onFeedbackSubmitted(reports),
      onCourseCompleted(reports),
      onOutcomeScored({ attach: attachOutcomes }),
      onOutcomeWithheld({ attach: attachOutcomes }),
      onExportRequested({ contributions }),
    ],
  })
  const tokens = openTokenVerifier(ports, settings)
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health, tokens, answers },
    routes: [...createRoutes({ profiles, readings }), ...outboxRoutes(ports), ...parkedRoutes(ports, consumers)],
  })
  const announcing = announceReadings({ readings, telemetry: facts })
  return inOrder(service, health, [postgres, keyring, nats, relay, consumers, announcing, tokens, answers, server])
}

export function createRoutes(stores: { readonly profiles: ProfileStore; readonly readings: ReadingStore }): Route[] {
  return [getProfileRoute(stores), listProfilesRoute(stores), searchProfilesRoute(stores), listActivitiesRoute(stores)]
}
