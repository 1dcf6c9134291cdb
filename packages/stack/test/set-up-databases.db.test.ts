import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { databaseRoles, rolesOf } from '@csr/postgres/bootstrap-roles'
import { startTestPostgres } from '@csr/testkit/postgres-server'
import postgres from 'postgres'

const program = fileURLToPath(new URL('../src/set-up-databases.ts', import.meta.url))

test('roles, databases and migrations are set up on servers of others, and again without effect', async () => {
  await using server = await startTestPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'csr-test-passwords-'))
  const passwords = Object.fromEntries(databaseRoles.map((role) => [role, `password-of-${role}`]))
  const file = join(folder, 'passwords.json')
  writeFileSync(file, JSON.stringify(passwords))
  const run = (): string =>
    execFileSync(process.execPath, [program], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        DATABASE_URL: server.adminUrl,
        KEYS_DATABASE_URL: server.adminUrl,
        DATABASE_PASSWORDS_FILE: file,
      },
    })
  assert.match(run(), /^[1-9]\d* migrations applied\n$/)
  assert.match(run(), /^0 migrations applied\n$/)
  rmSync(folder, { recursive: true })

  const role = rolesOf('profile').request
  const url = new URL(server.adminUrl)
  Object.assign(url, { username: role, password: passwords[role], pathname: '/csr' })
  const client = postgres(url.href, { max: 1 })
  const rows = await client`select count(*)::int as count from profile.profiles`
  await client.end()
  assert.equal(rows[0]?.['count'], 0)
})
