import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { bootstrapRoles, ownerRole } from '@csr/postgres/bootstrap-roles'
import { sharedPostgres, type TestPostgres } from '@csr/testkit/postgres-server'
import postgres from 'postgres'
import {
  MigratedDatabase,
  migrateDown,
  migrateUp,
  migrationStatus,
  migrationsFolder,
  type MigrationTargets,
} from '../src/migrate.ts'

const databases = Object.values(MigratedDatabase)
const suffix = randomBytes(4).toString('hex')
const nameOf = (database: MigratedDatabase): string => `migrate_${database}_${suffix}`

let server: TestPostgres
let targets: MigrationTargets
before(async () => {
  server = await sharedPostgres()
  await bootstrapRoles({ adminUrl: server.adminUrl, passwords: server.passwords, databases: databases.map(nameOf) })
  targets = { csr: server.url(ownerRole, nameOf('csr')), csr_keys: server.url(ownerRole, nameOf('csr_keys')) }
})
after(async () => {
  const sql = postgres(server.adminUrl, { max: 1, onnotice: () => {} })
  for (const database of databases) await sql.unsafe(`drop database if exists ${nameOf(database)} with (force)`)
  await sql.end()
})

/** Everything a migration can make, by name and shape; partitions of days come and go and do not count. */
async function shapeOf(database: MigratedDatabase): Promise<string[]> {
  const sql = postgres(server.url('postgres', nameOf(database)), { max: 1 })
  const rows = await sql<{ line: string }[]>`
    with ours as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
    select format('schema %s %s', nspname, (select nspacl from pg_namespace n where n.oid = ours.oid)) as line from ours
    union all
    select format('relation %s.%s %s %s %s %s', nspname, relname, relkind, relrowsecurity, relforcerowsecurity, relacl)
      from pg_class join ours on ours.oid = relnamespace where not relispartition and relname not like 'schema_migrations%'
    union all
    select format('column %s.%s.%s %s %s', nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull)
      from pg_attribute join pg_class c on c.oid = attrelid join ours on ours.oid = relnamespace
      where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v') and not relispartition and relname <> 'schema_migrations'
    union all
    select format('function %s.%s(%s) %s %s', nspname, proname, pg_get_function_identity_arguments(p.oid), prosecdef, proacl)
      from pg_proc p join ours on ours.oid = pronamespace
    union all
    select format('policy %s.%s %s %s %s', schemaname, tablename, policyname, qual, with_check)
      from pg_policies where tablename !~ '[0-9]{8}$'
    order by 1`
  await sql.end()
  return rows.map(({ line }) => line).filter((line) => !/\d{8}/.test(line))
}

const filesOf = (database: MigratedDatabase): string[] => readdirSync(migrationsFolder(database)).toSorted()

async function downAll(database: MigratedDatabase): Promise<void> {
  for (const file of filesOf(database).toReversed()) {
    assert.equal(await migrateDown(database, targets[database]), file)
  }
}

test('every migration goes up, down and up again, and the result is the same', async () => {
  const bare = await Promise.all(databases.map(shapeOf))
  const applied = await migrateUp(targets)
  assert.deepEqual(applied.toSorted(), databases.flatMap(filesOf).toSorted())
  const first = await Promise.all(databases.map(shapeOf))
  for (const database of databases) await downAll(database)
  assert.deepEqual(await Promise.all(databases.map(shapeOf)), bare, 'down leaves what was there before')
  await migrateUp(targets)
  assert.deepEqual(await Promise.all(databases.map(shapeOf)), first)
  assert.ok(first.flat().length > 100)
})

test('applied once, a second run has nothing to do, and the status says so', async () => {
  await migrateUp(targets)
  assert.deepEqual(await migrateUp(targets), [])
  const states = await migrationStatus(targets)
  assert.deepEqual(states.map(({ file }) => file).toSorted(), databases.flatMap(filesOf).toSorted())
  assert.ok(states.every(({ applied }) => applied))
})

test('a refusal of the server comes back without the password', async () => {
  const password = server.passwords[ownerRole] ?? ''
  const unknown = { ...targets, csr_keys: server.url(ownerRole, 'no_such_database') }
  await assert.rejects(migrateUp(unknown), (error: Error) => {
    assert.match(error.message, /no_such_database/)
    assert.ok(!error.message.includes(password))
    return true
  })
})
