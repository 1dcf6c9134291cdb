import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { services } from '@csr/contracts/services'
import {
  clusterSettings,
  containerEnvironment,
  containerUser,
  natsClusterInContainers,
  natsInContainer,
  signInSettings,
} from './container-files.ts'
import { openSecrets } from './secrets.ts'
import { natsConfig } from './servers/nats-config.ts'
import { superuser } from './servers/postgres.ts'

/**
 * Makes what docker-compose.yml mounts: secrets, one file of addresses with passwords per process, nats-server.conf and
 * those of the three nodes of a cluster; and what it is told for one of everything and for a cluster.
 * Made once; what is there is kept. The folder belongs to whom the containers run as and is closed to everyone else.
 */
const folder = process.argv[2] ?? fileURLToPath(new URL('../../../.containers', import.meta.url))
const secretsDir = join(folder, 'secrets')
mkdirSync(folder, { recursive: true, mode: 0o700 })
const secrets = await openSecrets({ dir: secretsDir, dataExists: existsSync(secretsDir) })

write('environment/operator.env', containerEnvironment('operator', secrets))
const providers = signInSettings(process.env, read('environment/gateway.env'))
for (const service of services) {
  const own = service === 'gateway' ? providers : ''
  write(`environment/${service}.env`, containerEnvironment(service, secrets) + own)
}
const nats = { ...natsInContainer, credentialsFile: secrets.natsCredentialsFile }
write('nats-server.conf', natsConfig(nats))
for (const { name, cluster } of natsClusterInContainers) write(`${name}.conf`, natsConfig({ ...nats, cluster }))
write('postgres.password', secrets.databasePasswords[superuser] ?? '')
// The servers run as users of their own images; the folder around these files keeps others out.
const nodes = natsClusterInContainers.map(({ name }) => `${name}.conf`)
for (const name of ['nats-server.conf', ...nodes, 'postgres.password']) chmodSync(join(folder, name), 0o444)

const user = containerUser(process.getuid?.() ?? 0, process.getgid?.() ?? 0)
if (process.getuid?.() === 0) hand(folder, user)
const userLine = `CSR_USER=${user.uid}:${user.gid}\n`
writeFileSync(join(folder, 'compose.env'), userLine)
writeFileSync(join(folder, 'cluster.env'), userLine + clusterSettings())
process.stdout.write(
  `${folder} is complete. Next:\n  docker compose --env-file .containers/compose.env --profile all up --build --wait\n`,
)

function read(name: string): string {
  const path = join(folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

function write(name: string, text: string): void {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  if (existsSync(path)) chmodSync(path, 0o600)
  writeFileSync(path, text, { mode: 0o600 })
}

function hand(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  chownSync(path, uid, gid)
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' })) chownSync(join(path, entry), uid, gid)
}
