import { natsPermissions, type NatsUser } from '@csr/messaging/users'
import { natsPublicKey, natsUsers } from './nats-users.ts'

export type NatsConfig = {
  readonly storeDir: string
  /** loopback unless told: in a container the network around it is the fence */
  readonly host?: string
  readonly port: number
  readonly monitorPort: number
  readonly credentialsFile: (user: NatsUser) => string
}

/**
 * nats-server.conf: every write synced before it is acknowledged, one key pair and one allow-list per
 * user, nobody without a key. Holds public keys only.
 */
export function natsConfig(config: NatsConfig): string {
  const { host = '127.0.0.1' } = config
  const users = natsUsers.map((user) => userBlock(user, natsPublicKey(config.credentialsFile(user))))
  return `server_name: csr
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
`
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
