import type { Service } from '@csr/contracts/services'
import type { DataDirectory } from './data-directory.ts'
import { ownerUrl } from './database-places.ts'
import { serviceUrl, type Surroundings } from './service-environment.ts'
import type { DemoDocument, StackDocument } from './stack-document.ts'
import type { Supervisor } from './supervisor.ts'

/** What `stack.json` says at this moment. */
export function composeDocument(
  around: Surroundings,
  supervisor: Pick<Supervisor, 'pidOf'>,
  known: {
    readonly directory: DataDirectory
    readonly existing: readonly Service[]
    readonly demo: DemoDocument | null
  },
): StackDocument {
  const { csr, keys, secrets, ports } = around
  const { directory, existing, demo } = known
  return {
    gateway: serviceUrl(ports, 'gateway'),
    services: Object.fromEntries(
      existing.map((name) => [name, { url: serviceUrl(ports, name), pid: supervisor.pidOf(name) }]),
    ),
    keeper: { pid: supervisor.pidOf('keeper') },
    postgres: {
      url: ownerUrl(csr, secrets.databasePasswords),
      superuserUrl: csr.adminUrl,
      pid: supervisor.pidOf('postgres'),
      dataDir: csr.embedded ? directory.postgresDir : null,
    },
    keysDatabase: { url: ownerUrl(keys, secrets.databasePasswords) },
    nats: {
      url: around.natsUrl,
      monitorUrl: around.natsMonitorUrl,
      adminCredentials: secrets.natsCredentialsFile('admin'),
      pid: supervisor.pidOf('nats'),
      storeDir: around.natsMonitorUrl !== null ? directory.natsDir : null,
    },
    identityProviders: {},
    logsDir: directory.logsDir,
    mode: around.mode,
    demo,
  }
}
