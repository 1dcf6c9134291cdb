import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { applyStreams } from '@csr/messaging/streams'
import { inboxPrefixOf, type NatsUser } from '@csr/messaging/users'
import { startNatsServer, type NatsServer } from '@csr/stack/servers/nats-server'
import { freePort } from '@csr/stack/servers/ports'
import { ServerError } from '@csr/stack/servers/server-error'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { ephemeralFolder, killNow, type Ephemeral } from './ephemeral.ts'
import { testSecrets, type TestSecrets } from './secrets.ts'

/** A nats-server of its own, with users, permissions, streams and durables as in production. */
export type TestNats = AsyncDisposable & {
  readonly url: string
  readonly monitorUrl: string
  readonly storeDir: string
  /** the pid of this moment: another one after `start` */
  readonly pid: () => number
  readonly credentialsFile: (user: NatsUser) => string
  /** a plain connection as one of the users; the caller closes it */
  readonly connect: (user: NatsUser) => Promise<NatsConnection>
  /** SIGKILL */
  readonly kill: () => Promise<void>
  /** back on the same ports and store; streams as they were */
  readonly start: () => Promise<void>
  /** an orderly end */
  readonly stop: () => Promise<void>
  /** deletes the store of a stopped or killed server: a broker that lost its disk */
  readonly loseStore: () => void
  /** makes streams and durables as declared, as the keeper does */
  readonly applyStreams: () => Promise<void>
}

/** Starts one on free ports and applies the streams, unless told not to. */
export async function privateNats(options: { streams?: boolean } = {}): Promise<TestNats> {
  const secrets = await testSecrets()
  const folder = ephemeralFolder()
  const ports = { port: 0, monitorPort: 0 }
  let server = await startSomewhere(folder, secrets, ports)
  const connectTo = (user: NatsUser): Promise<NatsConnection> => connectAs(user, [server.url], secrets)
  const apply = (): Promise<void> => applyAll(() => connectTo('admin'))
  if (options.streams !== false) await apply()
  return {
    url: server.url,
    monitorUrl: server.monitorUrl,
    storeDir: server.storeDir,
    pid: () => server.pid,
    credentialsFile: secrets.natsCredentialsFile,
    connect: connectTo,
    kill: () => killNow(server.pid),
    async start() {
      server = await startAt(folder, secrets, ports)
    },
    stop: () => server.stop(),
    loseStore: () => rmSync(server.storeDir, { recursive: true, force: true }),
    applyStreams: apply,
    async [Symbol.asyncDispose]() {
      await server.stop()
      folder.remove()
    },
  }
}

/** A plain connection as one of the users. */
export function connectAs(user: NatsUser, servers: string[], secrets: TestSecrets): Promise<NatsConnection> {
  return connect({
    ...{ servers, name: user, inboxPrefix: inboxPrefixOf(user) },
    authenticator: nkeyAuthenticator(readSeed(secrets.natsCredentialsFile(user))),
  })
}

/** Makes streams and durables as declared, on so many nodes each. */
export async function applyAll(open: () => Promise<NatsConnection>, replicas = 1): Promise<void> {
  const connection = await open()
  try {
    await applyStreams(await jetstreamManager(connection, { checkAPI: false }), { replicas })
  } finally {
    await connection.close()
  }
}

type Ports = { port: number; monitorPort: number }

async function startSomewhere(folder: Ephemeral, secrets: TestSecrets, ports: Ports): Promise<NatsServer> {
  for (let attempt = 1; ; attempt += 1) {
    ports.port = await freePort()
    ports.monitorPort = await freePort()
    try {
      return await startAt(folder, secrets, ports)
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== 'port-in-use' || attempt >= 5) throw error
    }
  }
}

async function startAt(folder: Ephemeral, secrets: TestSecrets, ports: Ports): Promise<NatsServer> {
  const server = await startNatsServer({
    ...ports,
    storeDir: join(folder.dir, 'nats'),
    configFile: join(folder.dir, 'nats-server.conf'),
    logFile: join(folder.dir, 'nats.log'),
    credentialsFile: secrets.natsCredentialsFile,
  })
  folder.adopt(server.pid, 'SIGTERM')
  server.unref()
  return server
}

function readSeed(file: string): Uint8Array {
  return new TextEncoder().encode(readFileSync(file, 'utf8').trim())
}
