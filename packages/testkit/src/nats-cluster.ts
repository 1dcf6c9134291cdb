import { join } from 'node:path'
import type { NatsUser } from '@csr/messaging/users'
import { sendSignal } from '@csr/stack/process-identity'
import { startNatsServer, type NatsServer } from '@csr/stack/servers/nats-server'
import { freePort } from '@csr/stack/servers/ports'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { ephemeralFolder, killNow, type Ephemeral } from './ephemeral.ts'
import { eventually } from './eventually.ts'
import { applyAll, connectAs } from './nats.ts'
import { testSecrets, type TestSecrets } from './secrets.ts'

export type TestNatsNode = {
  readonly name: string
  /** SIGKILL */
  readonly kill: () => Promise<void>
  /** back on the same ports and store */
  readonly start: () => Promise<void>
  /** SIGSTOP and SIGCONT: it keeps its connections and says nothing */
  readonly pause: () => void
  readonly resume: () => void
}

/** Three nodes of nats-server, each stream on all of them, as in production. */
export type TestNatsCluster = AsyncDisposable & {
  /** of all nodes, separated by commas */
  readonly url: string
  readonly nodes: readonly TestNatsNode[]
  readonly credentialsFile: (user: NatsUser) => string
  /** a plain connection as one of the users, to whichever node answers; the caller closes it */
  readonly connect: (user: NatsUser) => Promise<NatsConnection>
  /** the node that leads this stream now */
  readonly leaderOf: (stream: string) => Promise<TestNatsNode>
}

const nodeCount = 3

/** Starts one on free ports and applies the streams. */
export async function privateNatsCluster(): Promise<TestNatsCluster> {
  const secrets = await testSecrets()
  const folder = ephemeralFolder()
  const ports: Ports[] = []
  for (let node = 0; node < nodeCount; node += 1) {
    ports.push({ port: await freePort(), monitorPort: await freePort(), routes: await freePort() })
  }
  const nodes = await Promise.all(ports.map((_, node) => startNode(node, { ports, folder, secrets })))
  const urls = ports.map(({ port }) => `nats://127.0.0.1:${port}`)
  const connect = (user: NatsUser): Promise<NatsConnection> => connectAs(user, urls, secrets)
  await eventually(() => applyAll(() => connect('admin'), nodeCount), {
    withinMs: 30_000,
    what: 'streams on all nodes',
  })

  return {
    url: urls.join(','),
    nodes,
    credentialsFile: secrets.natsCredentialsFile,
    connect,
    leaderOf: (stream) =>
      eventually(async () => leaderOf(stream, nodes, connect), { withinMs: 30_000, what: 'a leader' }),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.end()))
      folder.remove()
    },
  }
}

type Ports = { readonly port: number; readonly monitorPort: number; readonly routes: number }
type Around = { readonly ports: readonly Ports[]; readonly folder: Ephemeral; readonly secrets: TestSecrets }

async function startNode(
  node: number,
  { ports, folder, secrets }: Around,
): Promise<TestNatsNode & { end(): Promise<void> }> {
  const name = `csr-${node + 1}`
  const { port, monitorPort, routes } = ports[node] as Ports
  const cluster = { name, port: routes, routes: ports.map((each) => ({ host: '127.0.0.1', port: each.routes })) }
  let server = await start()
  async function start(): Promise<NatsServer> {
    const started = await startNatsServer({
      ...{ port, monitorPort, cluster, credentialsFile: secrets.natsCredentialsFile },
      storeDir: join(folder.dir, name),
      configFile: join(folder.dir, `${name}.conf`),
      logFile: join(folder.dir, `${name}.log`),
    })
    folder.adopt(started.pid, 'SIGKILL')
    started.unref()
    return started
  }
  return {
    name,
    kill: () => killNow(server.pid),
    start: async () => void (server = await start()),
    pause: () => sendSignal(server.pid, 'SIGSTOP'),
    resume: () => sendSignal(server.pid, 'SIGCONT'),
    async end() {
      sendSignal(server.pid, 'SIGCONT')
      await server.stop()
    },
  }
}

async function leaderOf(
  stream: string,
  nodes: readonly TestNatsNode[],
  connect: TestNatsCluster['connect'],
): Promise<TestNatsNode> {
  const connection = await connect('admin')
  try {
    const { cluster } = await (await jetstreamManager(connection, { checkAPI: false })).streams.info(stream)
    const leader = nodes.find(({ name }) => name === cluster?.leader)
    if (leader === undefined) throw new Error(`${stream} has no leader`)
    return leader
  } finally {
    await connection.close()
  }
}
