import { services } from '@csr/contracts/services'
import { spawnChild, type Launch } from './child-process.ts'
import { preparePostgres, untilPostgresReady, type PostgresOptions } from './servers/postgres.ts'
import { prepareNats, untilNatsReady, type NatsOptions } from './servers/nats-server.ts'
import { spawnServer } from './servers/server-process.ts'
import type { Program } from './supervised-process.ts'

/*
 * The order of stopping: the gateway stops accepting, the services and the keeper finish what they have, then the
 * servers. The limits add up to 19 s, so that everything is gone within 20.
 */

/** PostgreSQL: SIGINT ends sessions and writes a checkpoint, SIGQUIT leaves the rest to recovery. */
export function postgresProgram(options: Omit<PostgresOptions, 'logFile'>): Program {
  return {
    name: 'postgres',
    stage: 0,
    stopSignal: 'SIGINT',
    stopLimitMs: 3_500,
    async start(logFile, spawned) {
      const launch = await preparePostgres({ ...options, logFile })
      const server = spawnServer(launch, logFile)
      spawned({
        pid: server.pid,
        exited: server.exited,
        stop: async (limitMs) => void (await server.end(['SIGINT', 'SIGQUIT', 'SIGKILL'], limitMs)),
        force: async () => void (await server.end(['SIGQUIT', 'SIGKILL'], 1_000)),
      })
      await untilPostgresReady(server, { ...options, logFile })
    },
  }
}

export function natsProgram(options: Omit<NatsOptions, 'logFile'>): Program {
  return {
    name: 'nats',
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
  }
}

/** A process of our own: a service, or the keeper. The gateway stops before the services behind it. */
export function nodeProgram(name: string, launch: Launch): Program {
  const gateway = name === 'gateway'
  return {
    name,
    stage: gateway ? 3 : 2,
    stopSignal: 'SIGTERM',
    stopLimitMs: gateway ? 4_000 : 6_000,
    start: async (logFile, spawned) => spawned(await spawnChild(launch, logFile)),
  }
}

/** Everything a stack may run that has a log. */
export const loggedPrograms: readonly string[] = [...services, 'keeper', 'postgres', 'nats', 'warden']
