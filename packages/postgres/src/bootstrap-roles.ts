import { services } from '@csr/contracts/services'
import postgres from 'postgres'
import { scramVerifier } from './scram.ts'

/** Owns the databases and everything in them; migrations run as this role, services never do. */
export const ownerRole = 'csr_owner'

/** The two login roles of a service: `request` acts for one tenant at a time, `worker` has no tenant. */
export function rolesOf(service: string): { request: string; worker: string } {
  return { request: `csr_${service}`, worker: `csr_${service}_worker` }
}

/** Every role that needs a password. */
export const databaseRoles: readonly string[] = [
  ownerRole,
  ...services.flatMap((service) => Object.values(rolesOf(service))),
]

export type BootstrapOptions = {
  /** a role that may create roles and databases, on any database of the cluster */
  readonly adminUrl: string
  /** password by role; every role of `databaseRoles` needs one */
  readonly passwords: Readonly<Record<string, string>>
  /** `csr` and `csr_keys` by default */
  readonly databases?: readonly string[]
}

type Sql = postgres.Sql

/**
 * Makes the roles and the empty databases, idempotent: passwords are set anew, what exists stays. Roles belong to the
 * whole cluster, which is why this is no migration. Nothing is granted to PUBLIC.
 */
export async function bootstrapRoles(options: BootstrapOptions): Promise<void> {
  const { adminUrl, passwords, databases = ['csr', 'csr_keys'] } = options
  const missing = databaseRoles.filter((role) => !passwords[role])
  if (missing.length > 0) throw new TypeError(`Passwords are missing for ${missing.join(', ')}`)
  await connected(adminUrl, async (sql) => {
    // Two bootstraps at once would update the same catalogue rows.
    await sql`select pg_advisory_lock(hashtextextended('csr-bootstrap', 0))`
    for (const role of databaseRoles) await makeRole(sql, role, passwords[role] ?? '')
    await joinOwner(sql)
    for (const database of databases) await makeDatabase(sql, database)
  })
  for (const database of databases) await connected(withDatabase(adminUrl, database), closePublic)
}

/** Restricts a database to our roles; needed again after CREATE DATABASE … TEMPLATE, which does not copy grants. */
export async function protectDatabase(sql: Pick<Sql, 'unsafe'>, database: string): Promise<void> {
  await sql.unsafe(`revoke all on database ${quote(database)} from public`)
  await sql.unsafe(`grant connect on database ${quote(database)} to ${databaseRoles.map(quote).join(', ')}`)
}

async function makeRole(sql: Sql, role: string, password: string): Promise<void> {
  const [existing] = await sql`select from pg_roles where rolname = ${role}`
  const verb = existing ? 'alter' : 'create'
  await sql.unsafe(`${verb} role ${quote(role)} with login nocreatedb nocreaterole noinherit connection limit -1
    password '${scramVerifier(password)}'`)
}

/** An administrator who is not a superuser must be a member of the role to which it gives a database. */
async function joinOwner(sql: Sql): Promise<void> {
  const [admin] = await sql`
    select rolsuper or pg_has_role(current_user, ${ownerRole}, 'set') as joined from pg_roles where rolname = current_user`
  if (!admin?.['joined']) await sql.unsafe(`grant ${quote(ownerRole)} to current_user`)
}

async function makeDatabase(sql: Sql, database: string): Promise<void> {
  const [existing] = await sql`select from pg_database where datname = ${database}`
  if (!existing) {
    await sql.unsafe(
      `create database ${quote(database)} owner ${quote(ownerRole)} template template0 encoding 'UTF8' locale 'C'`,
    )
  }
  await protectDatabase(sql, database)
}

/** New functions and types of the owner are for nobody until a migration grants them. */
async function closePublic(sql: Sql): Promise<void> {
  await sql.unsafe(`revoke all on schema public from public`)
  await sql.unsafe(`alter default privileges for role ${quote(ownerRole)} revoke execute on functions from public`)
}

async function connected(url: string, work: (sql: Sql) => Promise<void>): Promise<void> {
  const client = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined })
  try {
    // reserve() of a client that fetches no types waits for ever unless a connection is open already.
    await client`select 1`
    const sql = await client.reserve()
    await work(sql)
    sql.release()
  } finally {
    await client.end({ timeout: 1 })
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
