import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestPostgres, type TestPostgres } from '@csr/testkit/postgres-server'
import postgres from 'postgres'
import { bootstrapRoles, databaseRoles, ownerRole } from '../src/bootstrap-roles.ts'

let server: TestPostgres
before(async () => void (server = await startTestPostgres()))
after(() => server[Symbol.asyncDispose]())

async function as<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const passwords = Object.fromEntries(databaseRoles.map((role) => [role, `a password of ${role}`]))
const url = (role: string, database: string): string => {
  const address = new URL(server.adminUrl)
  return Object.assign(address, { username: role, password: passwords[role] ?? '', pathname: `/${database}` }).href
}

test('an administrator who is no superuser can make roles and databases, twice', async () => {
  await as(server.adminUrl, (sql) =>
    sql.unsafe(`create role administrator login createrole createdb password 'of tests'`),
  )
  const adminUrl = Object.assign(new URL(server.adminUrl), { username: 'administrator', password: 'of tests' }).href
  await bootstrapRoles({ adminUrl, passwords })
  await bootstrapRoles({ adminUrl, passwords })
  await Promise.all([bootstrapRoles({ adminUrl, passwords }), bootstrapRoles({ adminUrl, passwords })])
  const owners = await as(
    server.adminUrl,
    (sql) => sql`
    select datname as name, pg_get_userbyid(datdba) as owner from pg_database where datname like 'csr%' order by 1`,
  )
  assert.deepEqual(
    [...owners],
    [
      { name: 'csr', owner: ownerRole },
      { name: 'csr_keys', owner: ownerRole },
    ],
  )
})

test('P6: no role of ours is privileged, and passwords are stored as SCRAM verifiers that work', async () => {
  const roles = await as(
    server.adminUrl,
    (sql) => sql`
    select rolname as name, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as privileged,
           rolpassword like 'SCRAM-SHA-256$4096:%' as scram
    from pg_authid where rolname like 'csr%'`,
  )
  assert.equal(roles.length, databaseRoles.length)
  assert.equal(roles.length, 15)
  assert.ok(roles.every(({ privileged, scram }) => privileged === false && scram === true))
  assert.deepEqual(
    [...(await as(url('csr_audit', 'csr'), (sql) => sql`select current_user as who`))],
    [{ who: 'csr_audit' }],
  )
})

test('P6: PUBLIC may neither enter the databases nor create in them nor run the functions of the owner', async () => {
  await as(server.adminUrl, (sql) => sql.unsafe(`create role stranger login password 'of tests'`))
  const stranger = (database: string): string =>
    Object.assign(new URL(server.adminUrl), { username: 'stranger', password: 'of tests', pathname: `/${database}` })
      .href
  for (const database of ['csr', 'csr_keys']) {
    await assert.rejects(
      as(stranger(database), (sql) => sql`select 1`),
      { code: '42501' },
    )
  }
  await as(url(ownerRole, 'csr'), (sql) => sql.unsafe('create function public.secret() returns int return 1'))
  await as(url('csr_ingest', 'csr'), async (sql) => {
    await assert.rejects(async () => await sql`create table public.mine (id int)`, { code: '42501' })
    await assert.rejects(async () => await sql`select public.secret()`, { code: '42501' })
    await assert.rejects(async () => await sql`create temporary table mine (id int)`, { code: '42501' })
  })
})

test('a role without a password is named and nothing is made', async () => {
  const { csr_q2q: _, ...incomplete } = passwords
  await assert.rejects(bootstrapRoles({ adminUrl: server.adminUrl, passwords: incomplete }), /csr_q2q/)
})
