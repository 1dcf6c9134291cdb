import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { createAdvisoryWatch } from './advisories.ts'
import { connectNats } from './connect.ts'
import { createLowWaterMarks, lowWaterAgeMs } from './low-water.ts'
import { createPulse } from './pulse.ts'
import { createRebuilder } from './stranded.ts'
import { applyStreams, type Change } from './streams.ts'
import { keeperTelemetry, type KeeperTelemetry } from './telemetry.ts'

const keepEveryMs = 10_000
const keepAgainMs = 1_000

export type KeeperOptions = {
  readonly natsUrl: string
  readonly adminCredentialsFile: string
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly replicas?: number
  /** how old what low-water marks say is; five minutes unless told */
  readonly lowWaterAgeMs?: number
}

/**
 * The keeper: makes and keeps the streams as declared, every 10 s and whenever the server comes back, and records their
 * low-water marks. The only holder of stream administration.
 */
export function keepStreams(options: KeeperOptions): Resource {
  const { logger } = options
  const nats = connectNats({
    name: 'admin',
    url: options.natsUrl,
    credentialsFile: options.adminCredentialsFile,
    logger,
  })
  const stopping = new AbortController()
  const pulse = createPulse()
  let running: Promise<void> | undefined
  let complete = false

  async function keep(): Promise<void> {
    const round = createRound(options)
    const everyMs = Math.min(keepEveryMs, (options.lowWaterAgeMs ?? lowWaterAgeMs) / 5)
    while (!stopping.signal.aborted) {
      const connection = nats.connection()
      try {
        if (connection) complete = await round(await jetstreamManager(connection, { checkAPI: false }))
      } catch (error) {
        complete = false
        logger.error('streams-not-kept', error)
      }
      await pulse.wait(complete ? everyMs : keepAgainMs)
    }
  }

  return {
    name: 'keeper',
    async start() {
      await nats.start?.()
      nats.onConnected(() => pulse.ring())
      running = keep()
    },
    readiness(): Readiness {
      const connected = nats.readiness?.() ?? { ready: true }
      if (!connected.ready) return connected
      return complete ? { ready: true } : { ready: false, missing: 'streams' }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      pulse.ring()
      await running
      await nats[Symbol.asyncDispose]()
    },
  }
}

/** All that is looked after in one round; false where a person has to decide about a difference. */
function createRound(options: KeeperOptions): (manager: JetStreamManager) => Promise<boolean> {
  const { logger } = options
  const telemetry = keeperTelemetry(options.telemetry)
  const rebuild = createRebuilder(logger)
  const recordMarks = createLowWaterMarks(options.lowWaterAgeMs ?? lowWaterAgeMs)
  const watchAdvisories = createAdvisoryWatch(logger, telemetry)
  let reported = ''
  return async (manager) => {
    const changes = await applyStreams(manager, options)
    reported = report({ logger, telemetry }, changes, reported)
    await rebuild(manager)
    await recordMarks(manager)
    await watchAdvisories(manager)
    return changes.every(({ allowed }) => allowed)
  }
}

type Tellers = { readonly logger: Logger; readonly telemetry: KeeperTelemetry }

/** Tells each difference once, until it changes. */
function report({ logger, telemetry }: Tellers, changes: readonly Change[], reported: string): string {
  const seen = JSON.stringify(changes)
  if (seen === reported) return seen
  for (const change of changes) {
    const { kind, stream, durable, fields, allowed } = change
    telemetry.changed(change)
    const facts = { change: kind, stream, durable, field: fields.join(','), outcome: allowed ? 'applied' : 'refused' }
    if (allowed) logger.info('streams-changed', facts)
    else logger.warn('streams-differ', facts)
  }
  return seen
}
