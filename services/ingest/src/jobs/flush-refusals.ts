import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { RefusalStore } from '../store/refusal-store.ts'

type Deps = { readonly refusals: Pick<RefusalStore, 'flush'>; readonly logger: Logger }

const everyMs = 5_000

/** Records refusals that were only counted, soon after their minute is over and when the service stops. */
export function flushRefusals({ refusals, logger }: Deps): Resource {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  function flush(all: boolean): Promise<void> {
    running = running
      .then(() => refusals.flush(all))
      .catch((error: unknown) => logger.error('refusals-not-recorded', error))
    return running
  }

  return {
    name: 'refusals',
    async start() {
      timer ??= setInterval(() => void flush(false), everyMs)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flush(true)
    },
  }
}
