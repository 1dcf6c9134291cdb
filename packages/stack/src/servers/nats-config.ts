import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { natsPermissions, type NatsUser } from '@csr/messaging/users'
import { natsPublicKey, natsUsers } from './nats-users.ts'

export type NatsConfig = {
  readonly storeDir: string
  /** loopback unless told: in a container the network around it is the fence */
  readonly host?: string
  readonly port: number
  readonly monitorPort: number
  readonly credentialsFile: (user: NatsUser) => string
  /** where it is one node of a cluster */
  readonly cluster?: NatsCluster
}

export type NatsCluster = {
  /** of this node: no two nodes have the same */
  readonly name: string
  /** where this node listens for the others */
  readonly port: number
  /** where all nodes, this one too, listen for each other */
  readonly routes: readonly { readonly host: string; readonly port: number }[]
}

/**
 * nats-server.conf: every write synced before it is acknowledged, one key pair and one allow-list per
 * user, nobody without a key. Holds public keys only; of a cluster also the password of its routes, which is made of
 * the administrator's seed, so that every node has the same.
 */
export function natsConfig(config: NatsConfig): string {
  const { host = '127.0.0.1' } = config
  const users = natsUsers.map((user) => userBlock(user, natsPublicKey(config.credentialsFile(user))))
  return `server_name: ${config.cluster?.name ?? 'csr'}
listen: "${host}:${config.port}"
http: "127.0.0.1:${config.monitorPort}"
max_payload: ${payloadBytesMax}
max_connections: 1000
write_deadline: "5s"
jetstream {
  store_dir: ${JSON.stringify(config.storeDir)}
  sync_interval: always
  max_file_store: ${fileStoreBytesMax}
  max_memory_store: ${memoryStoreBytesMax}
}
authorization {
  timeout: 5
  users: [
${users.join(',\n')}
  ]
}
${config.cluster === undefined ? '' : clusterBlock(host, config.cluster, routesPassword(config.credentialsFile('admin')))}`
}

/** Who may join: on one computer any program reaches the port, so a node shows the password of the routes. */
function clusterBlock(host: string, { port, routes }: NatsCluster, password: string): string {
  const urls = routes.map((node) => `"nats-route://${routesUser}:${password}@${node.host}:${node.port}"`)
  return `cluster {
  name: csr
  listen: "${host}:${port}"
  no_advertise: true
  authorization { user: ${routesUser}, password: ${password}, timeout: 2 }
  routes: [
    ${urls.join('\n    ')}
  ]
}
`
}

const routesUser = 'route'

/** Hexadecimal, so that it needs no quoting anywhere. */
function routesPassword(adminSeedFile: string): string {
  return createHmac('sha256', readFileSync(adminSeedFile, 'utf8').trim()).update('nats routes').digest('hex')
}

// An envelope is at most 256 KB; the rest is room for headers.
const payloadBytesMax = 512 * 1024
// Above the sum of the limits of all streams, which are reserved when a stream is made.
const fileStoreBytesMax = 128 * 1024 ** 3
const memoryStoreBytesMax = 64 * 1024 ** 2

function userBlock(user: NatsUser, publicKey: string): string {
  const { publish, subscribe } = natsPermissions(user)
  const list = (subjects: readonly string[]): string =>
    `{ allow: [${subjects.map((s) => JSON.stringify(s)).join(', ')}] }`
  return `    # ${user}
    { nkey: ${publicKey}, permissions: { publish: ${list(publish)}, subscribe: ${list(subscribe)} } }`
}
