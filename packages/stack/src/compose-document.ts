import type { Service } from '@csr/contracts/services'
import type { DataDirectory } from './data-directory.ts'
import { ownerUrl } from './database-places.ts'
import { identityProviders } from './identity-providers/environment.ts'
import { nameOf } from './replicas.ts'
import { serviceUrl, type Surroundings } from './service-environment.ts'
import type { DemoDocument, StackDocument } from './stack-document.ts'
import type { Supervisor } from './supervisor.ts'

/** What `stack.json` says at this moment. */
export function composeDocument(
  around: Surroundings,
  supervisor: Members,
  known: {
    readonly directory: DataDirectory
    readonly existing: readonly Service[]
    readonly demo: DemoDocument | null
  },
): StackDocument {
  const { csr, keys, secrets, ports } = around
  const { directory, existing, demo } = known
  const nodes = around.natsEmbedded ? natsNodes(around, supervisor, directory) : []
  return {
    gateway: serviceUrl(ports, 'gateway'),
    services: Object.fromEntries(
      existing.map((name) => [name, { url: serviceUrl(ports, name), pid: supervisor.pidOf(name) }]),
    ),
    replicas: Object.fromEntries(existing.map((service) => [service, replicasOf(service, around, supervisor)])),
    keeper: { url: `http://127.0.0.1:${ports.keeper}`, pid: supervisor.pidOf('keeper') },
    postgres: {
      url: ownerUrl(csr, secrets.databasePasswords),
      superuserUrl: csr.adminUrl,
      pid: supervisor.pidOf('postgres'),
      dataDir: csr.embedded ? directory.postgresDir : null,
    },
    keysDatabase: { url: ownerUrl(keys, secrets.databasePasswords) },
    nats: {
      url: nodes[0]?.url ?? around.natsUrl,
      monitorUrl: nodes[0]?.monitorUrl ?? null,
      adminCredentials: secrets.natsCredentialsFile('admin'),
      pid: supervisor.pidOf('nats'),
      storeDir: nodes[0]?.storeDir ?? null,
      nodes,
    },
    identityProviders: identityProviders(around),
    logsDir: directory.logsDir,
    mode: around.mode,
    demo,
  }
}

type Members = Pick<Supervisor, 'pidOf' | 'member'>

function replicasOf(
  service: Service,
  { ports }: Surroundings,
  supervisor: Members,
): StackDocument['replicas'][Service] {
  return ports.services[service].map((_, replica) => ({
    url: serviceUrl(ports, service, replica),
    pid: supervisor.pidOf(nameOf(service, replica)),
  }))
}

function natsNodes(
  { ports }: Surroundings,
  supervisor: Members,
  directory: DataDirectory,
): StackDocument['nats']['nodes'] {
  return ports.nats.map(({ client, monitor }, node) => ({
    name: nameOf('nats', node),
    url: `nats://127.0.0.1:${client}`,
    monitorUrl: `http://127.0.0.1:${monitor}`,
    pid: supervisor.pidOf(nameOf('nats', node)),
    storeDir: ports.nats.length > 1 ? directory.natsNodeDir(node) : directory.natsDir,
    cures: supervisor.member(nameOf('nats', node))?.cures ?? 0,
  }))
}
