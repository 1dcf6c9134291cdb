import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { ExpiryStore } from '../store/expiry-store.ts'

type Deps = { readonly expiry: ExpiryStore; readonly logger: Logger }

const everyMs = 60_000

/** Keeps tables of what expires small. Nothing relies on it: what is over is refused wherever it is read. */
export function forgetExpired({ expiry, logger }: Deps): Resource {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  const forget = (): void => {
    running = expiry.forget().catch((error: unknown) => logger.warn('expiry-waits', { name: (error as Error).name }))
  }
  return {
    name: 'expiry',
    async start() {
      timer = setInterval(forget, everyMs).unref()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
