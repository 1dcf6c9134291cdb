import { join } from 'node:path'
import type { Service } from '@csr/contracts/services'
import { rolesOf } from '@csr/postgres/bootstrap-roles'
import { placeUrl, type DatabasePlace } from './database-places.ts'
import { signInEnvironment } from './identity-providers/environment.ts'
import { cacheFolders } from './install/cache.ts'
import type { StackPorts } from './ports.ts'
import { projectRoot } from './start-options.ts'
import type { Secrets } from './secrets.ts'

/** What every process of a stack is told the same way. */
export type Surroundings = {
  readonly mode: 'development' | 'production'
  readonly ports: StackPorts
  readonly secrets: Secrets
  readonly csr: DatabasePlace
  readonly keys: DatabasePlace
  /** of every node, separated by commas */
  readonly natsUrl: string
  /** whether nats-server is the stack's own */
  readonly natsEmbedded: boolean
  /** the supervisor's own environment; what outsiders may set is handed on */
  readonly outside: Readonly<Record<string, string | undefined>>
}

type Environment = Record<string, string | undefined>

/** Where a service listens: its first replica, unless told. */
export function serviceUrl(ports: StackPorts, service: Service, replica = 0): string {
  return `http://127.0.0.1:${ports.services[service][replica]}`
}

/** Where all replicas of a service listen. */
function replicaUrls(ports: StackPorts, service: Service): string {
  return ports.services[service].map((_, replica) => serviceUrl(ports, service, replica)).join(',')
}

/** The whole environment of one replica of a service: nothing else of the supervisor's own reaches it. */
export function serviceEnvironment(service: Service, around: Surroundings, replica = 0): Environment {
  const { ports, secrets, csr } = around
  const { request, worker } = rolesOf(service)
  return {
    ...handedOn(around, `${service.toUpperCase()}_`),
    CSR_MODE: around.mode,
    HOST: '127.0.0.1',
    PORT: String(ports.services[service][replica]),
    DATABASE_URL: placeUrl(csr, request, secrets.databasePasswords),
    WORKER_DATABASE_URL: placeUrl(csr, worker, secrets.databasePasswords),
    NATS_URL: around.natsUrl,
    NATS_CREDENTIALS_FILE: secrets.natsCredentialsFile(service),
    SERVICE_KEY_FILE: secrets.serviceKeyFile(service),
    PUBLIC_KEYS_DIR: secrets.publicKeysDir,
    ...keysAccess(service, around),
    ...ownSettings(service, around, replica),
  }
}

/** The keeper's environment: the only holder of stream administration. */
export function keeperEnvironment(around: Surroundings): Environment {
  return {
    ...handedOn(around, 'KEEPER_'),
    CSR_MODE: around.mode,
    NATS_URL: around.natsUrl,
    NATS_CREDENTIALS_FILE: around.secrets.natsCredentialsFile('admin'),
  }
}

// The audit service holds events as they came, sealed: it never opens one.
function keysAccess(service: Service, { secrets, keys }: Surroundings): Environment {
  if (service === 'audit') return {}
  return {
    KEYS_DATABASE_URL: placeUrl(keys, rolesOf(service).request, secrets.databasePasswords),
    ROOT_KEY_FILE: secrets.rootKeyFile,
    INDEX_KEY_FILE: secrets.indexKeyFile,
  }
}

function ownSettings(service: Service, around: Surroundings, replica: number): Environment {
  const { ports, secrets } = around
  if (service === 'q2q') return { PRIVACY_URL: replicaUrls(ports, 'privacy'), SAFETY_URL: replicaUrls(ports, 'safety') }
  if (service !== 'gateway') return {}
  return {
    GATEWAY_SIGNING_KEY_FILE: secrets.gatewaySigningKeyFile,
    GATEWAY_METRICS_PORT: String(ports.gatewayMetrics[replica]),
    PROFILE_URL: replicaUrls(ports, 'profile'),
    INGEST_URL: replicaUrls(ports, 'ingest'),
    Q2Q_URL: replicaUrls(ports, 'q2q'),
    SAFETY_URL: replicaUrls(ports, 'safety'),
    PRIVACY_URL: replicaUrls(ports, 'privacy'),
    AUDIT_URL: replicaUrls(ports, 'audit'),
    ...signInEnvironment(around),
  }
}

const inherited = new Set([
  ...['PATH', 'HOME', 'TMPDIR', 'TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['LOG_LEVEL', 'CSR_CLOCK_OFFSET_SECONDS', 'REDELIVERY_DELAYS_MS', 'ACCESS_TOKEN_ISSUER'],
])

function handedOn({ outside }: Surroundings, ownPrefix: string): Environment {
  const kept = Object.entries(outside).filter(([name]) => inherited.has(name) || name.startsWith(ownPrefix))
  return {
    // compiled code is kept between starts; where the folder cannot be written Node goes on without it
    NODE_COMPILE_CACHE: join(cacheFolders()[0] ?? '', 'compiled'),
    // glibc keeps what threads freed, per arena: with its default of eight per core a busy process looks as if it leaked
    MALLOC_ARENA_MAX: '2',
    ...Object.fromEntries(kept),
  }
}

/** The program of a service. */
export function mainOf(service: Service): string {
  return `${projectRoot}/services/${service}/src/main.ts`
}

/** How Node runs it. Whole files go through ingest: its heap grows by three fifths between full collections at most, and stays flat. */
export function argumentsOf(service: Service): string[] {
  return [...(service === 'ingest' ? ['--heap-growing-percent=60'] : []), mainOf(service)]
}
