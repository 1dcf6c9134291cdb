import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bootstrapRoles, ownerRole, protectDatabase } from '@csr/postgres/bootstrap-roles'
import { MigratedDatabase, migrateUp, migrationsFolder } from '@csr/stack/migrate'
import postgres from 'postgres'
import { sharedPostgres, startTestPostgres, type TestPostgres } from './postgres-server.ts'

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
 * Two databases of their own, copied from templates that are migrated once per server and state of the migrations. The
 * server is the one of the test run, or one of this process; with `server: 'own'` one that only this call uses, which may
 * be killed.
 */
export async function privateDatabase(options: { server?: 'shared' | 'own' } = {}): Promise<TestDatabase> {
  const server = options.server === 'own' ? await startTestPostgres() : await sharedPostgres()
  const name = `t_${process.pid}_${randomBytes(4).toString('hex')}`
  const names = { csr: `${name}_csr`, csr_keys: `${name}_keys` }
  const hash = await templateOf(server)
  await asAdmin(server.adminUrl, async (sql) => {
    for (const database of databases) {
      await sql.unsafe(`create database ${names[database]} owner ${ownerRole} template ${templateName(database, hash)}`)
      await protectDatabase(sql, names[database])
    }
  })
  return {
    url: (role) => server.url(role, names.csr),
    keysUrl: (role) => server.url(role, names.csr_keys),
    adminUrl: server.url('postgres', names.csr),
    keysAdminUrl: server.url('postgres', names.csr_keys),
    server,
    async [Symbol.asyncDispose]() {
      if (options.server === 'own') return await server[Symbol.asyncDispose]()
      await asAdmin(server.adminUrl, async (sql) => {
        for (const database of databases) await sql.unsafe(`drop database if exists ${names[database]} with (force)`)
      })
    },
  }
}

const databases = Object.values(MigratedDatabase)

const templates = new Map<string, Promise<string>>()

function templateOf(server: TestPostgres): Promise<string> {
  const known = templates.get(server.adminUrl)
  if (known !== undefined) return known
  const made = makeTemplates(server)
  templates.set(server.adminUrl, made)
  made.catch(() => templates.delete(server.adminUrl))
  return made
}

const templateName = (database: MigratedDatabase, hash: string): string => `template_${database}_${hash}`

// A template counts once it has its final name; one process makes it, the others wait for the lock.
async function makeTemplates(server: TestPostgres): Promise<string> {
  const hash = migrationsHash()
  await asAdmin(server.adminUrl, async (sql) => {
    await sql`select pg_advisory_lock(hashtextextended('csr-test-templates', 0))`
    const wanted = databases.map((database) => templateName(database, hash))
    const existing = await sql`select from pg_database where datname in ${sql(wanted)}`
    if (existing.length === wanted.length) return
    const building = wanted.map((name) => `${name}_building`)
    for (const name of [...wanted, ...building]) await sql.unsafe(`drop database if exists ${name} with (force)`)
    await bootstrapRoles({ adminUrl: server.adminUrl, passwords: server.passwords, databases: building })
    await migrateUp({
      csr: server.url(ownerRole, `${templateName('csr', hash)}_building`),
      csr_keys: server.url(ownerRole, `${templateName('csr_keys', hash)}_building`),
    })
    for (const name of wanted) await sql.unsafe(`alter database ${name}_building rename to ${name}`)
  })
  return hash
}

function migrationsHash(): string {
  const hash = createHash('sha256')
  hash.update(readFileSync(fileURLToPath(import.meta.resolve('@csr/postgres/bootstrap-roles'))))
  for (const database of databases) {
    const folder = migrationsFolder(database)
    if (!existsSync(folder)) continue
    for (const file of readdirSync(folder).toSorted()) hash.update(file).update(readFileSync(join(folder, file)))
  }
  return hash.digest('hex').slice(0, 12)
}

// One connection that lives as long as the work: the advisory lock is its own.
async function asAdmin(url: string, work: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const client = postgres(url, { max: 1, max_lifetime: null, fetch_types: false, onnotice: () => {} })
  try {
    await work(client)
  } finally {
    await client.end({ timeout: 1 })
  }
}
