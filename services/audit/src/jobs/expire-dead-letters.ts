import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'
import type { AuditTelemetry } from '../telemetry.ts'

type Deps = {
  readonly deadLetters: Pick<DeadLetterStore, 'expire'>
  readonly clock: Clock
  readonly logger: Logger
  readonly telemetry: Pick<AuditTelemetry, 'expired'>
}

const keptMs = 30 * 86_400_000
const everyMs = 3_600_000
const soonMs = 5_000

/** Removes dead letters after 30 days, whatever became of them. */
export function expireDeadLetters({ deadLetters, clock, logger, telemetry }: Deps): Resource {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopped = false

  function expireIn(ms: number): void {
    timer = setTimeout(() => {
      running = expire()
    }, ms).unref()
  }

  async function expire(): Promise<void> {
    let nextMs = everyMs
    try {
      telemetry.expired(await deadLetters.expire(clock.nowMs() - keptMs))
    } catch (error) {
      logger.error('dead-letters-not-expired', error)
      nextMs = soonMs
    }
    if (!stopped) expireIn(nextMs)
  }

  return {
    name: 'expire dead letters',
    async start() {
      expireIn(soonMs)
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
