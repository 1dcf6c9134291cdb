import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { ExportStore } from '../store/export-store.ts'

type Deps = { readonly exports: Pick<ExportStore, 'settleDue'>; readonly logger: Logger; readonly everyMs?: number }

const everyMsDefault = 500

/** Looks again and again for exports that have become complete, and for those that are over. */
export function settleExports({ exports, logger, everyMs = everyMsDefault }: Deps): Resource {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  function run(): void {
    running ??= exports
      .settleDue()
      .catch((error: unknown) => logger.error('exports-not-settled', error))
      .finally(() => (running = null))
  }
  return {
    name: 'exports',
    async start() {
      timer = setInterval(run, everyMs)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
