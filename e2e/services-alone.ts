import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { platformTenantId, type Service } from '@csr/contracts/services'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { servicePorts } from '@csr/stack/ports'
import { argumentsOf, serviceEnvironment, serviceUrl } from '@csr/stack/service-environment'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { claimPorts } from '@csr/testkit/port-block'
import { testSecrets } from '@csr/testkit/secrets'
import type { Reached } from './company.ts'

/** The seven services as processes that nobody watches over, and the servers they need, each started and ended by hand. */
export type ServicesAlone = AsyncDisposable &
  Reached & {
    readonly database: TestDatabase
    readonly nats: TestNats
    readonly url: (service: Service) => string
    readonly pidOf: (service: Service) => number
    /** starts the process; does not wait for anything */
    readonly start: (service: Service) => void
    /** SIGTERM; resolves with exit code and time when the process is gone */
    readonly stop: (service: Service) => Promise<{ code: number | null; tookMs: number }>
    /** SIGKILL to whatever runs */
    readonly end: () => Promise<void>
    /** what a running service misses; null where it does not answer; throws where it has ended */
    readonly missing: (service: Service) => Promise<readonly string[] | null>
  }

export async function openServicesAlone(): Promise<ServicesAlone> {
  const [database, nats, secrets, block] = await Promise.all([
    privateDatabase({ server: 'own' }),
    privateNats(),
    testSecrets(),
    claimPorts(),
  ])
  const ports = { ...(await servicePorts(block.base)), postgres: 0, keeper: 0, nats: [] }
  const place = { adminUrl: database.adminUrl, embedded: true }
  const around = {
    ...({ mode: 'development', ports, secrets, natsUrl: nats.url, natsEmbedded: true, outside: process.env } as const),
    csr: { ...place, database: 'csr' } as const,
    keys: { ...place, database: 'csr_keys' } as const,
  }
  const running = new Map<Service, ChildProcess>()
  const url = (service: Service): string => serviceUrl(ports, service)
  const gateway = createGatewayClient(url('gateway'))

  function start(service: Service): void {
    const databases = {
      DATABASE_URL: database.url(`csr_${service}`),
      WORKER_DATABASE_URL: database.url(`csr_${service}_worker`),
      ...(service !== 'audit' && { KEYS_DATABASE_URL: database.keysUrl(`csr_${service}`) }),
    }
    const env = { ...serviceEnvironment(service, around), ...databases, LOG_LEVEL: 'error' }
    // the channel ends the process together with the test
    running.set(
      service,
      spawn(process.execPath, argumentsOf(service), { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    )
  }

  function pidOf(service: Service): number {
    const pid = running.get(service)?.pid
    if (pid === undefined) throw new Error(`${service} does not run`)
    return pid
  }

  async function stop(service: Service): Promise<{ code: number | null; tookMs: number }> {
    const child = running.get(service)
    if (!child) throw new Error(`${service} does not run`)
    const startedMs = performance.now()
    const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve([child.exitCode])
    child.kill('SIGTERM')
    const [code] = (await ended) as [number | null]
    running.delete(service)
    return { code, tookMs: performance.now() - startedMs }
  }

  async function end(): Promise<void> {
    for (const child of running.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    running.clear()
  }

  return {
    ...{ database, nats, url, pidOf, start, stop, end, gateway, document: { gateway: url('gateway') } },
    token: ({ role, tenantId = platformTenantId, subject }) => gateway.token({ role, tenantId, subject }),
    async missing(service) {
      const code = running.get(service)?.exitCode ?? null
      if (code !== null) throw new Error(`${service} ended with code ${code}`)
      try {
        const answer = await fetch(`${url(service)}/health/readiness`, { signal: AbortSignal.timeout(2_000) })
        return ((await answer.json()) as { missing: string[] }).missing
      } catch {
        return null
      }
    },
    async [Symbol.asyncDispose]() {
      await end()
      await nats[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      block[Symbol.dispose]()
    },
  }
}
