import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { createPulse } from './pulse.ts'

/** A lock that one process holds at a time, over all replicas: `hold` of `@csr/postgres/connect`. */
export type Hold = (name: string, signal: AbortSignal) => Promise<{ readonly lost: AbortSignal } & AsyncDisposable>

export type Leading = {
  /** of the work, and of its lock */
  readonly name: string
  readonly hold: Hold
  readonly logger: Logger
  /** one round of the one that leads; resolves with the milliseconds until the next. `until`: it leads no longer */
  round(until: AbortSignal): Promise<number>
  /** awaited before the lock is let go: what rounds have begun and not ended */
  left?(): Promise<void>
}

export interface Leader extends Resource {
  /** a round now instead of when its time comes */
  wake(): void
}

const retryMs = 1_000

/** Work that one process does and the other replicas stand by for. A round that throws is logged and repeated after a second. */
export function leadAlone({ name, hold, logger, round, left }: Leading): Leader {
  const stop = new AbortController()
  const pulse = createPulse()
  let running: Promise<void> | null = null

  async function stand(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await using lock = await hold(name, stop.signal)
        await lead(AbortSignal.any([stop.signal, lock.lost]))
      } catch (error) {
        if (stop.signal.aborted) return
        logger.error('leader-waits', error, { name })
        await pulse.wait(retryMs)
      }
    }
  }

  async function lead(until: AbortSignal): Promise<void> {
    until.addEventListener('abort', () => pulse.ring(), { once: true })
    try {
      while (!until.aborted) await pulse.wait(await round(until))
    } finally {
      await left?.()
    }
  }

  return {
    name,
    wake: () => pulse.ring(),
    async start() {
      running = stand()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      pulse.ring()
      await running
    },
  }
}
