import type { Service } from '@csr/contracts/services'
import { setTimeout as delay } from 'node:timers/promises'
import { spawnChild, type Launch } from './child-process.ts'
import { standBackLater } from './priority.ts'
import { preparePostgres, untilPostgresReady, type PostgresOptions } from './servers/postgres.ts'
import { natsHealth, prepareNats, untilNatsReady, type NatsOptions } from './servers/nats-server.ts'
import { spawnServer } from './servers/server-process.ts'
import type { Program } from './supervised-process.ts'

/*
 * The order of stopping: the gateway stops accepting, the services and the keeper finish what they have, then the
 * servers. PostgreSQL, the last, gets what the others have left of the whole time.
 */

/** PostgreSQL: SIGINT ends sessions and writes a checkpoint, which takes seconds on a slow disk; SIGQUIT leaves that to recovery. */
export function postgresProgram(options: Omit<PostgresOptions, 'logFile'>): Program {
  return {
    name: 'postgres',
    stage: 0,
    stopSignal: 'SIGINT',
    stopLimitMs: 15_000,
    async start(logFile, spawned) {
      const launch = await preparePostgres({ ...options, logFile })
      const server = spawnServer(launch, logFile)
      spawned({
        pid: server.pid,
        exited: server.exited,
        async stop(limitMs) {
          await Promise.race([server.end(['SIGINT'], 0), delay(limitMs, undefined, { ref: false })])
          await server.end(['SIGQUIT', 'SIGKILL'], 1_000)
        },
        force: async () => void (await server.end(['SIGQUIT', 'SIGKILL'], 1_000)),
      })
      await untilPostgresReady(server, { ...options, logFile })
    },
  }
}

/** nats-server, or one node of its cluster. */
export function natsProgram(name: string, options: Omit<NatsOptions, 'logFile'>): Program {
  return {
    name,
    stage: 1,
    stopSignal: 'SIGTERM',
    stopLimitMs: 2_000,
    async start(logFile, spawned) {
      const launch = await prepareNats({ ...options, logFile })
      const server = spawnServer(launch, logFile)
      spawned({
        pid: server.pid,
        exited: server.exited,
        stop: async (limitMs) => void (await server.end(['SIGTERM', 'SIGKILL'], limitMs)),
        force: async () => void (await server.end(['SIGKILL'], 0)),
      })
      await untilNatsReady(server, { ...options, logFile })
    },
    health: () => natsHealth(options),
  }
}

/** A process of our own: a replica of a service, the keeper, the identity providers. The gateway stops before the services behind it. */
export function nodeProgram(name: string, kind: Service | 'keeper' | 'identity-providers', launch: Launch): Program {
  const gateway = kind === 'gateway'
  return {
    name,
    stage: gateway ? 3 : 2,
    stopSignal: 'SIGTERM',
    stopLimitMs: gateway ? 4_000 : 6_000,
    async start(logFile, spawned) {
      const running = await spawnChild(launch, logFile)
      standBackLater(kind, running)
      spawned(running)
    },
  }
}
