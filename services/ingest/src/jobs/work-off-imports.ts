import { leadAlone, type Hold, type Leader } from '@csr/messaging/leader'
import type { Logger } from '@csr/runtime/logger'
import { workOffFile } from '../csv/work-off-file.ts'
import type { ImportStore } from '../store/import-store.ts'

type Deps = { readonly imports: ImportStore; readonly hold: Hold; readonly logger: Logger }

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
export function workOffImports({ imports, hold, logger }: Deps): Leader {
  const files = workSideBySide({ imports, logger, ended: () => leader.wake() })
  const leader = leadAlone({
    ...{ name: 'imports', hold, logger, left: files.left },
    async round(until) {
      await files.look(until)
      return lookEveryMs
    },
  })
  return leader
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
