import type { Logger } from './logger.ts'
import { SettingsError } from './settings.ts'

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly missing: string }

/**
 * Something a service opens and closes. `start` never fails because a dependency is down: it goes on trying and says so
 * through `readiness`, so that services start in any order.
 */
export interface Resource extends AsyncDisposable {
  readonly name: string
  start?(): Promise<void>
  readiness?(): Readiness
}

export interface Service extends AsyncDisposable {
  readonly name: string
  start(): Promise<void>
  readiness(): { ready: boolean; missing: string[] }
}

/** What the health routes tell; given to the server, filled by `inOrder`. */
export interface Health {
  readonly started: boolean
  readonly draining: boolean
  readiness(): { ready: boolean; missing: string[] }
  watch(resource: Resource): void
  markStarted(): void
  drain(): void
}

export function createHealth(): Health {
  const watched: Resource[] = []
  let started = false
  let draining = false
  return {
    get started() {
      return started
    },
    get draining() {
      return draining
    },
    readiness() {
      const missing: string[] = []
      if (!started) missing.push('start')
      if (draining) missing.push('draining')
      for (const resource of watched) {
        const readiness = resource.readiness?.() ?? { ready: true }
        if (!readiness.ready) missing.push(readiness.missing)
      }
      return { ready: missing.length === 0, missing }
    },
    watch: (resource) => void watched.push(resource),
    markStarted: () => void (started = true),
    drain: () => void (draining = true),
  }
}

/** A service of resources that start in the order given and stop in the reverse order. */
export function inOrder(name: string, health: Health, resources: readonly Resource[]): Service {
  const running: Resource[] = []
  for (const resource of resources) health.watch(resource)
  return {
    name,
    readiness: () => health.readiness(),
    async start() {
      for (const resource of resources) {
        running.push(resource)
        await resource.start?.()
      }
      health.markStarted()
    },
    async [Symbol.asyncDispose]() {
      health.drain()
      const failures: unknown[] = []
      for (const resource of running.splice(0).toReversed()) {
        try {
          await resource[Symbol.asyncDispose]()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, `${name} did not stop cleanly`)
    },
  }
}

/** Signals this soon after the first are the same request; a later one forces. */
const oneRequestMs = 5_000

/**
 * Runs a service until SIGTERM, SIGINT or the death of the supervisor (its IPC channel closes), then drains and exits 0.
 * A refused environment exits 2, a failed start or an uncaught exception exits 1 after one log line.
 */
export async function runUntilSignalled(create: () => Promise<Service>, options: { logger: Logger }): Promise<void> {
  const { logger } = options
  const leave = (code: number): void => {
    process.exitCode = code
    setTimeout(() => process.exit(code), 100)
  }
  process.on('uncaughtException', (error) => (logger.error('uncaught-exception', error), leave(1)))
  process.on('unhandledRejection', (error) => (logger.error('unhandled-rejection', error), leave(1)))
  try {
    const service = await create()
    await service.start()
    logger.info('started', { pid: process.pid })
    stopOnRequest(service, logger, leave)
  } catch (error) {
    if (error instanceof SettingsError) process.stderr.write(`${error.message}\n`)
    else logger.error('start-failed', error)
    leave(error instanceof SettingsError ? 2 : 1)
  }
}

function stopOnRequest(service: Service, logger: Logger, leave: (code: number) => void): void {
  let firstMs: number | null = null
  const stop = (signal: string): void => {
    if (firstMs !== null) {
      if (performance.now() - firstMs > oneRequestMs) leave(1)
      return
    }
    firstMs = performance.now()
    logger.info('stopping', { signal })
    service[Symbol.asyncDispose]().then(
      () => (logger.info('stopped'), leave(0)),
      (error: unknown) => (logger.error('stop-failed', error), leave(1)),
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  if (process.connected) process.on('disconnect', () => stop('disconnect'))
}
