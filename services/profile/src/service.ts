import type { Route } from '@csr/http/route'
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
import { onCourseCompleted } from './consumers/on-course-completed.ts'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { onFeedbackSubmitted } from './consumers/on-feedback-submitted.ts'
import { onMatchCreated } from './consumers/on-match-created.ts'
import { onSessionCompleted } from './consumers/on-session-completed.ts'
import { announceReadings } from './jobs/announce-readings.ts'
import { getProfileRoute } from './routes/get-profile.ts'
import { listActivitiesRoute } from './routes/list-activities.ts'
import { listProfilesRoute } from './routes/list-profiles.ts'
import { searchProfilesRoute } from './routes/search-profiles.ts'
import type { ProfileSettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createProfileStore, type ProfileStore } from './store/profile-store.ts'
import { createReadingStore, type ReadingStore } from './store/reading-store.ts'
import { createProfileTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createProfileService(settings: ProfileSettings): Promise<Service> {
  const service = 'profile'
  const health = createHealth()
  const logger = createLogger({ service, level: settings.LOG_LEVEL })
  const telemetry = createTelemetry(service)
  const clock = systemClock(settings.CSR_CLOCK_OFFSET_SECONDS)
  const ids = createIds(clock)
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  const facts = createProfileTelemetry(telemetry, logger)

  const [url, workerUrl] = [settings.DATABASE_URL, settings.WORKER_DATABASE_URL]
  const postgres = createPostgres({ name: service, url, workerUrl, logger, telemetry })
  const [rootKeyFile, indexKeyFile] = [settings.ROOT_KEY_FILE, settings.INDEX_KEY_FILE]
  const keysUrl = settings.KEYS_DATABASE_URL
  const keyring = createKeyring({ service, keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids, telemetry })
  const credentialsFile = settings.NATS_CREDENTIALS_FILE
  const nats = connectNats({ name: service, url: settings.NATS_URL, credentialsFile, logger })
  const relay = relayOutbox({ service, postgres, nats, logger, telemetry, clock })

  const profiles = createProfileStore({ postgres, keyring, clock })
  const readings = createReadingStore({ postgres, relay, clock, stamp })
  const reports = { profiles, telemetry: facts, stamp }
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const consumers = runConsumers({
    ...{ service, postgres, nats, relay, logger, telemetry, clock, ids },
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    handlers: [
      onSessionCompleted(reports),
      onMatchCreated(reports),
      onFeedbackSubmitted(reports),
      onCourseCompleted(reports),
      onExportRequested({ contributions }),
    ],
  })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health },
    tokens: createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock }),
    routes: createRoutes({ profiles, readings }),
  })
  const announcing = announceReadings({ readings, telemetry: facts })
  return inOrder(service, health, [postgres, keyring, nats, relay, consumers, announcing, server])
}

export function createRoutes(stores: { readonly profiles: ProfileStore; readonly readings: ReadingStore }): Route[] {
  return [getProfileRoute(stores), listProfilesRoute(stores), searchProfilesRoute(stores), listActivitiesRoute(stores)]
}
