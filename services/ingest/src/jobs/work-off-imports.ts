import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { workOffFile } from '../csv/work-off-file.ts'
import type { ImportStore } from '../store/import-store.ts'

/** A lock that one process holds at a time, over all replicas. */
export type Hold = (name: string, signal: AbortSignal) => Promise<{ readonly lost: AbortSignal } & AsyncDisposable>

type Deps = { readonly imports: ImportStore; readonly hold: Hold; readonly logger: Logger }

export interface ImportWorker extends Resource {
  /** looks for work now instead of at the next round */
  wake(): void
}

const lookEveryMs = 1_000
const retryMs = 1_000
/** an upload that has not ended by then never will */
const brokenAfterMs = 3_600_000
/** pause between commits, so that answers and live events come first */
const breatheMs = 2

/** Works off stored files, one after the other, in the order they came; one replica at a time, the others stand by. */
export function workOffImports({ imports, hold, logger }: Deps): ImportWorker {
  const stop = new AbortController()
  let ring: (() => void) | null = null
  let running: Promise<void> | null = null

  async function stand(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await using lock = await hold('imports', stop.signal)
        const until = AbortSignal.any([stop.signal, lock.lost])
        while (!until.aborted) await round(until)
      } catch (error) {
        if (stop.signal.aborted) return
        logger.error('imports-wait', error)
        await rested(retryMs)
      }
    }
  }

  async function round(until: AbortSignal): Promise<void> {
    const { files, broken } = await imports.due(brokenAfterMs)
    for (const { tenantId, id } of broken) await imports.forget(tenantId, id)
    for (const { tenantId, id } of files) {
      const file = await imports.find(tenantId, id)
      if (!file || until.aborted) continue
      await workOffFile({ imports, breathe: () => rested(breatheMs), stopping: () => until.aborted }, tenantId, file)
      logger.info('import-worked-off', { importId: id, tenantId })
    }
    if (files.length === 0) await rested(lookEveryMs)
  }

  /** Ends early when it is rung, which does no harm. */
  async function rested(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      ring = () => (clearTimeout(timer), resolve())
    })
    ring = null
  }

  return {
    name: 'imports',
    wake: () => ring?.(),
    async start() {
      running = stand()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      ring?.()
      await running
    },
  }
}
