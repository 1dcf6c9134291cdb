import { createPulse } from '@csr/messaging/pulse'
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
/** Tenants whose files are worked off side by side; a piece of 48 KB and a batch of 200 rows of each are in memory. */
const tenantsMost = 4

/**
 * Works off stored files: those of a tenant one after the other, in the order they came, and tenants side by side, so that
 * nobody waits for the files of another. One replica at a time, the others stand by.
 */
export function workOffImports({ imports, hold, logger }: Deps): ImportWorker {
  const stop = new AbortController()
  const pulse = createPulse()
  let running: Promise<void> | null = null
  const files = workSideBySide({ imports, logger, ended: () => pulse.ring() })

  async function stand(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await using lock = await hold('imports', stop.signal)
        await lead(AbortSignal.any([stop.signal, lock.lost]))
      } catch (error) {
        if (stop.signal.aborted) return
        logger.error('imports-wait', error)
        await pulse.wait(retryMs)
      }
    }
  }

  async function lead(until: AbortSignal): Promise<void> {
    try {
      while (!until.aborted) {
        await files.look(until)
        if (!until.aborted) await pulse.wait(lookEveryMs)
      }
    } finally {
      await files.left()
    }
  }

  return {
    name: 'imports',
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

type Side = Pick<Deps, 'imports' | 'logger'> & { readonly ended: () => void }

/** One file of each tenant at a time; `ended` asks for another look. */
function workSideBySide({ imports, logger, ended }: Side) {
  const busy = new Map<string, Promise<void>>()

  async function workOff(tenantId: string, id: string, until: AbortSignal): Promise<void> {
    try {
      const file = await imports.find(tenantId, id)
      if (!file || until.aborted) return
      await workOffFile({ imports, breathe: () => paused(breatheMs), stopping: () => until.aborted }, tenantId, file)
      if (!until.aborted) logger.info('import-worked-off', { importId: id, tenantId })
    } catch (error) {
      logger.error('import-waits', error, { importId: id, tenantId })
      await paused(retryMs)
    } finally {
      busy.delete(tenantId)
      ended()
    }
  }

  return {
    /** begins the next file of every tenant that is not busy */
    async look(until: AbortSignal): Promise<void> {
      const { files, broken } = await imports.due(brokenAfterMs)
      for (const { tenantId, id } of broken) await imports.forget(tenantId, id)
      for (const { tenantId, id } of files) {
        if (busy.has(tenantId) || busy.size >= tenantsMost) continue
        busy.set(tenantId, workOff(tenantId, id, until))
      }
    },
    /** resolves once every file was left, worked off or not */
    left: async (): Promise<void> => void (await Promise.all(busy.values())),
  }
}

function paused(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
