import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { SigningKeys } from '../tokens/signing-keys.ts'

/** A lock that one process holds at a time, over all gateways. */
type Hold = (name: string, signal: AbortSignal) => Promise<{ readonly lost: AbortSignal } & AsyncDisposable>

type Deps = { readonly keys: Pick<SigningKeys, 'maintain'>; readonly hold: Hold; readonly logger: Logger }

const lookEveryMs = 30_000
const retryMs = 1_000

/** Looks after the signing keys; one gateway at a time, the others stand by. */
export function keepSigningKeys({ keys, hold, logger }: Deps): Resource {
  const stop = new AbortController()
  let running: Promise<void> | null = null

  async function stand(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await using lock = await hold('signing-keys', stop.signal)
        const until = AbortSignal.any([stop.signal, lock.lost])
        while (!until.aborted) {
          await keys.maintain()
          await rested(lookEveryMs, until)
        }
      } catch (error) {
        if (stop.signal.aborted) return
        logger.error('signing-keys-wait', error)
        await rested(retryMs, stop.signal)
      }
    }
  }

  return {
    name: 'signing key upkeep',
    async start() {
      running = stand()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/** Ends early when `until` is aborted. */
function rested(ms: number, until: AbortSignal): Promise<void> {
  if (until.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      until.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    until.addEventListener('abort', done)
  })
}
