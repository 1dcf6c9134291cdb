import { randomBytes } from 'node:crypto'
import { ownerRole, protectDatabase } from '@csr/postgres/bootstrap-roles'
import { MigratedDatabase } from '@csr/stack/migrate'
import postgres from 'postgres'
import { sharedPostgres, startMigratedPostgres, type TestPostgres } from './postgres-server.ts'

/** Fresh databases `csr` and `csr_keys` with all migrations, for one test file; dropped on disposal. */
export type TestDatabase = AsyncDisposable & {
  /** the address of `csr` for a role such as `csr_ingest`, `csr_ingest_worker`, `csr_owner` */
  readonly url: (role: string) => string
  readonly keysUrl: (role: string) => string
  /** `csr` and `csr_keys` as superuser; to look at things, never to be what is tested */
  readonly adminUrl: string
  readonly keysAdminUrl: string
  readonly server: TestPostgres
}

/**
 * Two databases of their own: copies on the server of the test run, or of this process; with `server: 'own'` those of a
 * server that only this call uses, which may be killed.
 */
export async function privateDatabase(options: { server?: 'shared' | 'own' } = {}): Promise<TestDatabase> {
  const isOwn = options.server === 'own'
  const server = isOwn ? await startMigratedPostgres() : await sharedPostgres()
  const names = isOwn ? { csr: 'csr', csr_keys: 'csr_keys' } : await copyDatabases(server)
  return {
    url: (role) => server.url(role, names.csr),
    keysUrl: (role) => server.url(role, names.csr_keys),
    adminUrl: server.url('postgres', names.csr),
    keysAdminUrl: server.url('postgres', names.csr_keys),
    server,
    async [Symbol.asyncDispose]() {
      if (isOwn) return await server[Symbol.asyncDispose]()
      await asAdmin(server.adminUrl, async (sql) => {
        for (const database of databases) await sql.unsafe(`drop database if exists ${names[database]} with (force)`)
      })
    },
  }
}

const databases = Object.values(MigratedDatabase)

type Names = Readonly<Record<MigratedDatabase, string>>

async function copyDatabases(server: TestPostgres): Promise<Names> {
  const name = `t_${process.pid}_${randomBytes(4).toString('hex')}`
  const names = { csr: `${name}_csr`, csr_keys: `${name}_keys` }
  await asAdmin(server.adminUrl, async (sql) => {
    for (const database of databases) {
      await sql.unsafe(`create database ${names[database]} owner ${ownerRole} template ${database}`)
      await protectDatabase(sql, names[database])
    }
  })
  return names
}

async function asAdmin(url: string, work: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const client = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} })
  try {
    await work(client)
  } finally {
    await client.end({ timeout: 1 })
  }
}
