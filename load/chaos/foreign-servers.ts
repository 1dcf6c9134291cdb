import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openSecrets } from '@csr/stack/secrets'
import { startNatsServer } from '@csr/stack/servers/nats-server'
import { freePort } from '@csr/stack/servers/ports'
import { startPostgres } from '@csr/stack/servers/postgres'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** The only ways from the stack to its servers. */
export type Links = { readonly nats: TcpProxy; readonly postgres: TcpProxy }

/** Servers that are not the stack's own, each behind a link that can be made worse, and the settings that name them. */
export type ForeignServers = AsyncDisposable & {
  readonly links: Links
  readonly env: Readonly<Record<string, string>>
}

/** Starts both in `folder`; `dataDir` is the stack's, whose secrets they have to know. */
export async function startForeignServers(folder: string, dataDir: string): Promise<ForeignServers> {
  mkdirSync(folder, { recursive: true })
  const secrets = await openSecrets({ dir: join(dataDir, 'secrets'), dataExists: false })
  const superuserPassword = secrets.databasePasswords['postgres'] ?? ''
  const cleanup = new AsyncDisposableStack()
  const postgres = cleanup.use(
    await startPostgres({
      dataDir: join(folder, 'postgres'),
      port: await freePort(),
      logFile: join(folder, 'postgres.log'),
      superuserPassword,
    }),
  )
  const ports = { port: await freePort(), monitorPort: await freePort() }
  cleanup.use(
    await startNatsServer({
      ...ports,
      storeDir: join(folder, 'nats'),
      configFile: join(folder, 'nats-server.conf'),
      logFile: join(folder, 'nats.log'),
      credentialsFile: secrets.natsCredentialsFile,
    }),
  )
  const links = {
    nats: cleanup.use(await startTcpProxy(ports.port)),
    postgres: cleanup.use(await startTcpProxy(postgres.port)),
  }
  const database = `postgres://postgres:${superuserPassword}@127.0.0.1:${links.postgres.port}/postgres`
  return {
    links,
    env: {
      NATS_URL: `nats://127.0.0.1:${links.nats.port}`,
      DATABASE_URL: database,
      KEYS_DATABASE_URL: database,
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}
