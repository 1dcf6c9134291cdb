import assert from 'node:assert/strict'
import { test } from 'node:test'
import postgres from 'postgres'
import { privateDatabase } from '../src/database.ts'

const settingsOf = async (url: string): Promise<Record<string, string>> => {
  const sql = postgres(url, { max: 1 })
  const rows = await sql<{ name: string; setting: string }[]>`select name, setting from pg_settings`
  await sql.end()
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

test('P1: tests run with the durability of production, read back from the server', async () => {
  await using database = await privateDatabase()
  const settings = await settingsOf(database.url('csr_ingest'))
  assert.equal(settings['fsync'], 'on')
  assert.equal(settings['synchronous_commit'], 'on')
  assert.equal(settings['full_page_writes'], 'on')
})

test('two databases on one server do not see each other, and are gone after use', async () => {
  const first = await privateDatabase()
  const second = await privateDatabase()
  const sql = postgres(first.adminUrl, { max: 1 })
  await sql`create table public.marker (id int)`
  const other = postgres(second.adminUrl, { max: 1 })
  assert.equal((await other`select to_regclass('public.marker') as found`)[0]?.['found'], null)
  await Promise.all([sql.end(), other.end()])
  const name = new URL(first.adminUrl).pathname.slice(1)
  await first[Symbol.asyncDispose]()
  const admin = postgres(second.server.adminUrl, { max: 1 })
  assert.equal((await admin`select from pg_database where datname = ${name}`).length, 0)
  await admin.end()
  await second[Symbol.asyncDispose]()
})

test('a service connects with a role that is neither owner nor superuser nor exempt from row-level security', async () => {
  await using database = await privateDatabase()
  for (const role of ['csr_ingest', 'csr_ingest_worker', 'csr_audit']) {
    const sql = postgres(database.url(role), { max: 1 })
    const [row] = await sql`select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user`
    assert.deepEqual({ ...row }, { rolsuper: false, rolbypassrls: false, rolcreaterole: false })
    await sql.end()
  }
})

test('a server of its own comes back after a kill with what was committed', async () => {
  await using database = await privateDatabase({ server: 'own' })
  const before = postgres(database.adminUrl, { max: 1 })
  await before`create table public.kept as select 42 as answer`
  await before.end()
  await database.server.process?.kill()
  await database.server.process?.start()
  const after = postgres(database.adminUrl, { max: 1 })
  assert.equal((await after`select answer from public.kept`)[0]?.['answer'], 42)
  await after.end()
})
