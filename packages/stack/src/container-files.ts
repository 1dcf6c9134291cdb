import { basename } from 'node:path'
import { services, type Service } from '@csr/contracts/services'
import { rolesOf } from '@csr/postgres/bootstrap-roles'
import type { Secrets } from './secrets.ts'
import type { NatsCluster } from './servers/nats-config.ts'
import { superuser } from './servers/postgres.ts'

/** Where nats-server keeps its data and listens inside its container. */
export const natsInContainer = { storeDir: '/data', host: '0.0.0.0', port: 4222, monitorPort: 8222 } as const

const natsNodes = ['nats-1', 'nats-2', 'nats-3'] as const
const routesPort = 6222

/** The nodes of the profile `cluster`: the name of each container and what its nats-server is told. */
export const natsClusterInContainers: readonly { readonly name: string; readonly cluster: NatsCluster }[] =
  natsNodes.map((name) => ({
    name,
    cluster: { name, port: routesPort, routes: natsNodes.map((host) => ({ host, port: routesPort })) },
  }))

const replicas = [1, 2]

/** What docker-compose.yml is told for a cluster: without it there is one of everything. */
export function clusterSettings(): string {
  const behind = services.filter((service) => service !== 'gateway')
  const addresses = (service: Service) => replicas.map((number) => `http://csr-backbone-${service}-${number}:3000`)
  return lines({
    CSR_REPLICAS: String(replicas.length),
    // a range: each gateway takes one of them
    CSR_PORT_BASE: '3000-3001',
    CSR_NATS_URL: natsNodes.map((node) => `nats://${node}:${natsInContainer.port}`).join(','),
    CSR_STREAM_REPLICAS: String(natsNodes.length),
    ...Object.fromEntries(behind.map((service) => [`CSR_${service.toUpperCase()}_URL`, addresses(service).join(',')])),
  })
}

/**
 * The settings of a process that hold a password or a name made with the secrets, in the form `node --env-file` reads;
 * everything else stands in docker-compose.yml. `operator` sets databases up.
 */
export function containerEnvironment(who: Service | 'operator', secrets: Secrets): string {
  const { databasePasswords: passwords } = secrets
  if (who === 'operator') {
    return lines({
      DATABASE_URL: address('postgres', superuser, passwords, 'postgres'),
      KEYS_DATABASE_URL: address('postgres-keys', superuser, passwords, 'postgres'),
    })
  }
  const { request, worker } = rolesOf(who)
  return lines({
    DATABASE_URL: address('postgres', request, passwords, 'csr'),
    WORKER_DATABASE_URL: address('postgres', worker, passwords, 'csr'),
    ...(who !== 'audit' && { KEYS_DATABASE_URL: address('postgres-keys', request, passwords, 'csr_keys') }),
    ...(who === 'gateway' && { GATEWAY_SIGNING_KEY_FILE: `/run/access/${basename(secrets.gatewaySigningKeyFile)}` }),
  })
}

/** The applications at Google and Entra that the gateway is told of: as they are given now, otherwise as they were written before. */
export function signInSettings(given: Readonly<Record<string, string | undefined>>, before: string): string {
  const written = before.split('\n').flatMap((line): [string, string][] => {
    const end = line.indexOf('=')
    return end === -1 ? [] : [[line.slice(0, end), line.slice(end + 1)]]
  })
  const all = { ...Object.fromEntries(written), ...given }
  return lines(
    Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => (/^(GOOGLE|AZURE)_/.test(name) && value ? [[name, value]] : [])),
    ),
  )
}

/** Containers never run as root: what root prepares is handed to the user that the base image brings. */
export function containerUser(uid: number, gid: number): { readonly uid: number; readonly gid: number } {
  return uid === 0 ? { uid: 1_000, gid: 1_000 } : { uid, gid }
}

function address(host: string, role: string, passwords: Secrets['databasePasswords'], database: string): string {
  return `postgres://${role}:${encodeURIComponent(passwords[role] ?? '')}@${host}:5432/${database}`
}

function lines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
