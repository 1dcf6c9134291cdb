import { createPublicKeys } from '@csr/http/keys'
import { openTokenVerifier } from '@csr/http/open-token-verifier'
import { plainAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts, type Ports } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
import { createCheckpoints } from './checkpoints/sign-checkpoint.ts'
import { onEveryEvent } from './consumers/on-any-event.ts'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { carryOutReplays } from './jobs/carry-out-replays.ts'
import { expireDeadLetters } from './jobs/expire-dead-letters.ts'
import { discardDeadLetterRoute } from './routes/discard-dead-letter.ts'
import { getAuditProofRoute } from './routes/get-audit-proof.ts'
import { getBulkReplayRoute } from './routes/get-bulk-replay.ts'
import { getDeadLetterRoute } from './routes/get-dead-letter.ts'
import { getLatestCheckpointRoute } from './routes/get-latest-checkpoint.ts'
import { listAuditKeysRoute } from './routes/list-audit-keys.ts'
import { listAuditEventsRoute } from './routes/list-audit-events.ts'
import { listDeadLetterGroupsRoute } from './routes/list-dead-letter-groups.ts'
import { listDeadLettersRoute } from './routes/list-dead-letters.ts'
import { replayDeadLetterRoute } from './routes/replay-dead-letter.ts'
import { replayDeadLettersRoute } from './routes/replay-dead-letters.ts'
import type { AuditSettings } from './settings.ts'
import { createBulkReplayStore } from './store/bulk-replay-store.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createDeadLetterStore } from './store/dead-letter-store.ts'
import { createLogStore } from './store/log-store.ts'
import { createReplayStore } from './store/replay-store.ts'
import { createAuditTelemetry, type AuditTelemetry } from './telemetry.ts'

/** Composition root: everything this service is made of. */
export async function createAuditService(settings: AuditSettings): Promise<Service> {
  const ports = openPorts('audit', settings)
  const { service, logger, telemetry, clock, stamp, postgres, nats, relay } = ports
  const health = createHealth()
  const log = createLogStore({ postgres })
  const facts = createAuditTelemetry(telemetry)
  const { deadLetters, replays, jobs, routes } = createDeadLetters(ports, facts)
  const checkpoints = createCheckpoints({ keyFile: settings.SERVICE_KEY_FILE, clock })
  const contributions = createContributionStore({ postgres, stamp })

  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    handlers: [onEveryEvent({ log, deadLetters, replays, telemetry: facts }), onExportRequested({ contributions })],
  })
  const tokens = openTokenVerifier(ports, settings)
  const answers = keepAnswers({ ...ports, seal: plainAnswers(settings.SERVICE_KEY_FILE) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, logger, telemetry, clock, health, tokens, answers },
    routes: [
      listAuditEventsRoute({ log }),
      getAuditProofRoute({ log, checkpoints }),
      getLatestCheckpointRoute({ log, checkpoints }),
      listAuditKeysRoute({ keys: createPublicKeys({ directory: settings.PUBLIC_KEYS_DIR, clock }) }),
      ...routes,
      ...outboxRoutes(ports),
      ...parkedRoutes(ports, consumers),
    ],
  })
  return inOrder(service, health, [checkpoints, postgres, nats, relay, ...jobs, consumers, tokens, answers, server])
}

/** What services gave up on, and what is done about it. */
function createDeadLetters({ postgres, relay, stamp, logger, clock }: Ports, telemetry: AuditTelemetry) {
  const wake = () => relay.wake()
  const deadLetters = createDeadLetterStore({ postgres, stamp, wake })
  const replays = createReplayStore({ postgres, stamp, wake })
  const bulks = createBulkReplayStore({ postgres, stamp, wake })
  const worker = carryOutReplays({ bulks, replays, hold: (name, signal) => postgres.hold(name, signal), logger })
  return {
    deadLetters,
    replays,
    jobs: [worker, expireDeadLetters({ deadLetters, clock, logger, telemetry })],
    routes: [
      listDeadLettersRoute({ deadLetters }),
      listDeadLetterGroupsRoute({ deadLetters }),
      getDeadLetterRoute({ deadLetters }),
      replayDeadLetterRoute({ replays }),
      replayDeadLettersRoute({ bulks, wakeWorker: () => worker.wake() }),
      getBulkReplayRoute({ bulks }),
      discardDeadLetterRoute({ deadLetters, replays }),
    ],
  }
}
