import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { TenantLifeStore } from '../store/tenant-life-store.ts'

type Deps = {
  readonly life: Pick<TenantLifeStore, 'endings' | 'endAccess' | 'askErasure'>
  readonly logger: Logger
}

export interface TenantCloser extends Resource {
  /** takes every tenant whose time has come one step further; safe to run on several gateways at once */
  look(): Promise<void>
}

const everyMs = 3_000

/** Ends tenants whose waiting time is over: first their access, then, once nobody believes them open, their keys. */
export function closeTenants({ life, logger }: Deps): TenantCloser {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    for (const ending of await life.endings()) {
      const { tenantId } = ending
      const isOurs = await (ending.step === 'close' ? life.endAccess(ending) : life.askErasure(ending))
      if (isOurs) logger.info(ending.step === 'close' ? 'tenant-closed' : 'tenant-erasure-asked', { tenantId })
    }
  }

  const round = (): void => {
    running = look().catch((error: unknown) => logger.warn('closures-wait', { name: (error as Error).name }))
  }

  return {
    name: 'closures',
    look,
    async start() {
      timer = setInterval(round, everyMs).unref()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
