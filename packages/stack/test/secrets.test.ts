import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { services } from '@csr/contracts/services'
import { openIndexKey } from '@csr/keyring/index-key'
import { openFileRootKey } from '@csr/keyring/root-key'
import { databaseRoles } from '@csr/postgres/bootstrap-roles'
import { openSecrets, type Secrets } from '../src/secrets.ts'

let folder: string
let secrets: Secrets
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'csr-secrets-'))
  secrets = await openSecrets({ dir: join(folder, 'secrets'), dataExists: false })
})
after(() => rmSync(folder, { recursive: true }))

function everyFile(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

const contentsOf = (dir: string): Map<string, string> =>
  new Map(everyFile(dir).map((file) => [file, readFileSync(file, 'utf8')]))

test('only their owner may enter the folders and read the files', () => {
  const entries = readdirSync(secrets.dir, { withFileTypes: true, recursive: true })
  for (const entry of entries) {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777
    assert.equal(mode, entry.isDirectory() ? 0o700 : 0o600, entry.name)
  }
  assert.ok(entries.length >= 30)
})

test('every service has a signing key of 3072 bits of its own, and the public folder holds public members only', () => {
  const moduli = new Set<string>()
  for (const name of services) {
    const key = JSON.parse(readFileSync(secrets.serviceKeyFile(name), 'utf8'))
    assert.equal(Buffer.from(key.n, 'base64url').length * 8, 3_072)
    assert.ok(existsSync(join(secrets.publicKeysDir, `${name}.${key.kid}.json`)))
    moduli.add(key.n)
  }
  const access = JSON.parse(readFileSync(secrets.gatewaySigningKeyFile, 'utf8'))
  moduli.add(access.n)
  assert.equal(moduli.size, services.length + 1)
  const published = readdirSync(secrets.publicKeysDir)
  assert.equal(published.length, services.length + 1)
  for (const file of published) {
    const jwk = JSON.parse(readFileSync(join(secrets.publicKeysDir, file), 'utf8'))
    assert.deepEqual(Object.keys(jwk).toSorted(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
  }
})

test('the keyring accepts both key files', () => {
  assert.ok(openFileRootKey(secrets.rootKeyFile))
  assert.ok(openIndexKey(secrets.indexKeyFile))
})

test('every role has a password of its own', () => {
  const passwords = ['postgres', ...databaseRoles].map((role) => secrets.databasePasswords[role] ?? '')
  assert.equal(new Set(passwords).size, passwords.length)
  for (const password of passwords) assert.ok(password.length >= 24)
})

test('opened again they are the same', async () => {
  const found = contentsOf(secrets.dir)
  const again = await openSecrets({ dir: secrets.dir, dataExists: true })
  assert.deepEqual(contentsOf(secrets.dir), found)
  assert.deepEqual(again.databasePasswords, secrets.databasePasswords)
})

test('a missing key is never made anew beside data: the refusal names it', async () => {
  for (const file of ['root.key', 'services/ingest.key.json', 'nats/admin.nk', 'database-passwords.json']) {
    const path = join(secrets.dir, file)
    const content = readFileSync(path, 'utf8')
    rmSync(path)
    await assert.rejects(openSecrets({ dir: secrets.dir, dataExists: true }), (error: Error) => {
      assert.ok(error.message.includes(file), error.message)
      return true
    })
    assert.equal(existsSync(path), false)
    writeFileSync(path, content, { mode: 0o600 })
  }
})

test('no secrets at all beside data are refused too', async () => {
  const dir = join(folder, 'none')
  await assert.rejects(openSecrets({ dir, dataExists: true }), /root\.key/)
  assert.equal(existsSync(dir), false)
})

test('what was cut off while it was made is made again as long as there is no data', async () => {
  const dir = join(folder, 'cut')
  mkdirSync(`${dir}.unfinished/services`, { recursive: true })
  writeFileSync(`${dir}.unfinished/root.key`, 'half')
  const made = await openSecrets({ dir, dataExists: false })
  assert.ok(openFileRootKey(made.rootKeyFile))
  assert.equal(existsSync(`${dir}.unfinished`), false)
})

test('a password that is short is refused', async () => {
  const path = join(secrets.dir, 'database-passwords.json')
  const content = readFileSync(path, 'utf8')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(content), csr_ingest: 'short' }))
  await assert.rejects(openSecrets({ dir: secrets.dir, dataExists: true }), /csr_ingest/)
  writeFileSync(path, content)
})
