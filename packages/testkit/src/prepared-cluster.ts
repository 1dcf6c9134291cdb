import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { bootstrapRoles, ownerRole } from '@csr/postgres/bootstrap-roles'
import { MigratedDatabase, migrateUp } from '@csr/stack/migrate'
import { freePort } from '@csr/stack/servers/ports'
import { startPostgres, superuser } from '@csr/stack/servers/postgres'
import { ephemeralFolder } from './ephemeral.ts'
import { testSecrets } from './secrets.ts'

/*
 * Making a database cluster and migrating it is half of a stack's start. A test run does it once; each stack under test,
 * and each server that a test may kill, gets a copy and starts on it as on the data of an earlier start: the same server,
 * settings, roles and passwords.
 */
const variable = 'CSR_TEST_CLUSTER'

/** Makes the cluster of this test run, which ends with this process; its files do not run. */
export async function prepareCluster(): Promise<void> {
  const folder = ephemeralFolder()
  const dataDir = join(folder.dir, 'postgres')
  const { databasePasswords: passwords } = await testSecrets()
  const superuserPassword = passwords[superuser] ?? ''
  const logFile = join(folder.dir, 'postgres.log')
  await using server = await startPostgres({ dataDir, port: await freePort(), logFile, superuserPassword })
  folder.adopt(server.pid, 'SIGQUIT')
  const url = (role: string, database: string): string => server.url(role, passwords[role] ?? '', database)
  await migrateCluster({ adminUrl: server.superuserUrl, passwords, url })
  process.env[variable] = dataDir
}

/** What a server needs before `csr` and `csr_keys` can be used: roles, databases, migrations. */
export async function migrateCluster(server: {
  readonly adminUrl: string
  readonly passwords: Readonly<Record<string, string>>
  readonly url: (role: string, database: string) => string
}): Promise<void> {
  const { adminUrl, passwords, url } = server
  await bootstrapRoles({ adminUrl, passwords, databases: Object.values(MigratedDatabase) })
  await migrateUp({ csr: url(ownerRole, 'csr'), csr_keys: url(ownerRole, 'csr_keys') })
}

/**
 * Copies it to where a server keeps its own, unless there is none, as for a file that runs alone, or data is there. Tells
 * whether it did; its passwords are those of the test secrets.
 */
export async function placeCluster(postgresDir: string): Promise<boolean> {
  const prepared = process.env[variable]
  if (prepared === undefined || existsSync(postgresDir)) return false
  mkdirSync(dirname(postgresDir), { recursive: true, mode: 0o700 })
  await promisify(execFile)('cp', ['-a', prepared, postgresDir])
  return true
}
