import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { databaseRoles } from '@csr/postgres/bootstrap-roles'
import { freePort } from '@csr/stack/servers/ports'
import { postgresUrl, startPostgres, superuser, type PostgresServer } from '@csr/stack/servers/postgres'
import { ServerError } from '@csr/stack/servers/server-error'
import { ephemeralFolder, killNow, type Ephemeral } from './ephemeral.ts'
import { migrateCluster, placeCluster } from './prepared-cluster.ts'
import { testSecrets } from './secrets.ts'

/** What other processes need to know of a test server: travels as JSON in CSR_TEST_POSTGRES. */
export type PostgresCoordinates = { readonly port: number; readonly passwords: Readonly<Record<string, string>> }

/** A PostgreSQL server with the settings of production, in a folder that goes with the process. */
export type TestPostgres = AsyncDisposable &
  PostgresCoordinates & {
    readonly adminUrl: string
    readonly url: (role: string, database: string) => string
    /** null where the server belongs to the test run and not to this process */
    readonly process: {
      readonly pid: () => number
      readonly kill: () => Promise<void>
      readonly start: () => Promise<void>
    } | null
  }

/** The server of the test run, or one for this process, started at the first call. Its databases are there to be copied. */
export function sharedPostgres(): Promise<TestPostgres> {
  const given = process.env['CSR_TEST_POSTGRES']
  shared ??=
    given === undefined || given === '' ? startMigratedPostgres() : Promise.resolve(describe(JSON.parse(given)))
  return shared
}

let shared: Promise<TestPostgres> | undefined

/** A server with `csr` and `csr_keys` and all their migrations: a copy of what the test run prepared, where it did. */
export async function startMigratedPostgres(): Promise<TestPostgres> {
  const folder = ephemeralFolder()
  const { databasePasswords } = await testSecrets()
  const isPrepared = await placeCluster(dataDirIn(folder))
  const server = await startIn(folder, databasePasswords)
  if (!isPrepared) await migrateCluster(server)
  return server
}

/** An empty server of its own on a free port; `process.kill` is a SIGKILL, `process.start` brings it back on the same port. */
export function startTestPostgres(): Promise<TestPostgres> {
  const roles = [superuser, ...databaseRoles]
  return startIn(
    ephemeralFolder(),
    Object.fromEntries(roles.map((role) => [role, randomBytes(18).toString('base64url')])),
  )
}

async function startIn(folder: Ephemeral, passwords: Readonly<Record<string, string>>): Promise<TestPostgres> {
  let server = await startSomewhere(folder, passwords[superuser] ?? '')
  const start = async (): Promise<void> => {
    server = await startAt(folder, server.port, passwords[superuser] ?? '')
  }
  return {
    ...describe({ port: server.port, passwords }),
    process: {
      pid: () => server.pid,
      kill: () => killNow(server.pid),
      start,
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      folder.remove()
    },
  }
}

const dataDirIn = (folder: Ephemeral): string => join(folder.dir, 'postgres')

function describe(coordinates: PostgresCoordinates): TestPostgres {
  const url = (role: string, database: string): string =>
    postgresUrl(coordinates.port, role, coordinates.passwords[role] ?? '', database)
  return {
    ...coordinates,
    adminUrl: url(superuser, 'postgres'),
    url,
    process: null,
    async [Symbol.asyncDispose]() {},
  }
}

async function startSomewhere(folder: Ephemeral, password: string): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startAt(folder, await freePort(), password)
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== 'port-in-use' || attempt >= 5) throw error
    }
  }
}

async function startAt(folder: Ephemeral, port: number, superuserPassword: string): Promise<PostgresServer> {
  const dataDir = dataDirIn(folder)
  const logFile = join(folder.dir, 'postgres.log')
  const server = await startPostgres({ dataDir, port, logFile, superuserPassword })
  folder.adopt(server.pid, 'SIGQUIT')
  server.unref()
  return server
}
