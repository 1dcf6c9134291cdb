import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DataDirectory } from './data-directory.ts'
import { databaseExists, givenPlace, type DatabasePlace } from './database-places.ts'
import { serverPorts, servicePorts, type StackPorts } from './ports.ts'
import { natsProgram, postgresProgram } from './programs.ts'
import { Refusal } from './refusal.ts'
import { nameOf } from './replicas.ts'
import { openSecrets, type Secrets } from './secrets.ts'
import { hasPostgresData, postgresUrl, superuser } from './servers/postgres.ts'
import type { Surroundings } from './service-environment.ts'
import type { StartOptions } from './start-options.ts'
import type { Supervisor } from './supervisor.ts'

export type ServersToStart = {
  readonly options: StartOptions
  readonly directory: DataDirectory
  readonly supervisor: Supervisor
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onProgress: (line: string) => void
}

/**
 * Finds ports, opens the secrets, and starts the servers that are not given by DATABASE_URL, KEYS_DATABASE_URL or
 * NATS_URL. Resolves when they answer, with what every service is told. Throws Refusal.
 */
export async function startServers(start: ServersToStart): Promise<Surroundings> {
  const { options, directory, environment } = start
  const ports: StackPorts = {
    ...(await servicePorts(options.portBase, options.replicas)),
    ...(await serverPorts(directory.portsFile, options.natsNodes)),
  }
  const given = givenServers(environment)
  const foundData = await holdsData(start, given)
  refuseFreshSecretsInProduction(start)
  const secrets = await openSecrets({ dir: directory.secretsDir, dataExists: foundData })
  const embedded = given.csr === null || given.keys === null
  await Promise.all([
    embedded ? runPostgres(start, ports, secrets) : null,
    given.natsUrl === null ? runNats(start, ports, secrets) : null,
  ])
  const superuserUrl = postgresUrl(ports.postgres, superuser, secrets.databasePasswords[superuser] ?? '', 'postgres')
  return {
    mode: options.mode,
    ports,
    secrets,
    csr: given.csr ?? { adminUrl: superuserUrl, database: 'csr', embedded: true },
    keys: given.keys ?? { adminUrl: superuserUrl, database: 'csr_keys', embedded: true },
    natsUrl: given.natsUrl ?? ports.nats.map(({ client }) => `nats://127.0.0.1:${client}`).join(','),
    natsEmbedded: given.natsUrl === null,
    outside: environment,
  }
}

type Given = {
  readonly csr: DatabasePlace | null
  readonly keys: DatabasePlace | null
  readonly natsUrl: string | null
}

function givenServers(environment: ServersToStart['environment']): Given {
  const place = (name: string, database: DatabasePlace['database']) =>
    environment[name] ? givenPlace(name, environment[name], database) : null
  return {
    csr: place('DATABASE_URL', 'csr'),
    keys: place('KEYS_DATABASE_URL', 'csr_keys'),
    natsUrl: environment['NATS_URL'] || null,
  }
}

async function holdsData({ directory }: ServersToStart, given: Given): Promise<boolean> {
  const elsewhere = [given.csr, given.keys].filter((place) => place !== null)
  const found = await Promise.all(elsewhere.map(databaseExists))
  return found.includes(true) || hasPostgresData(directory.postgresDir)
}

function refuseFreshSecretsInProduction({ options, directory }: ServersToStart): void {
  if (options.mode !== 'production' || existsSync(directory.secretsDir)) return
  throw new Refusal(
    `Production mode makes no secrets of its own, and there are none in ${directory.secretsDir}. ` +
      'Put them there, or start with --mode development.',
  )
}

async function runPostgres(start: ServersToStart, ports: StackPorts, secrets: Secrets): Promise<void> {
  const superuserPassword = secrets.databasePasswords[superuser] ?? ''
  await start.supervisor.run(
    postgresProgram({
      dataDir: start.directory.postgresDir,
      port: ports.postgres,
      superuserPassword,
      onProgress: start.onProgress,
    }),
  )
}

/**
 * One node, or those of a cluster, which are ready together. A cluster has stores of its own: to the services another
 * number of nodes is a broker that lost its store, and what it held is published again.
 */
async function runNats(start: ServersToStart, ports: StackPorts, secrets: Secrets): Promise<void> {
  const { directory, supervisor, onProgress } = start
  const { natsCredentialsFile: credentialsFile } = secrets
  const isCluster = ports.nats.length > 1
  const routes = ports.nats.map((node) => ({ host: '127.0.0.1', port: node.routes }))
  await Promise.all(
    ports.nats.map(({ client: port, monitor: monitorPort, routes: listen }, node) => {
      const name = nameOf('nats', node)
      const options = {
        storeDir: isCluster ? directory.natsNodeDir(node) : directory.natsDir,
        configFile: join(directory.path, `${name === 'nats' ? 'nats-server' : name}.conf`),
        ...{ port, monitorPort, credentialsFile, onProgress },
      }
      const cluster = { name: `csr-${node + 1}`, port: listen, routes }
      return supervisor.run(natsProgram(name, isCluster ? { ...options, cluster } : options))
    }),
  )
}
