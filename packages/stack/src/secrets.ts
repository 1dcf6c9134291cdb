import { generateKeyPair, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { services, type Service } from '@csr/contracts/services'
import type { NatsUser } from '@csr/messaging/users'
import { databaseRoles } from '@csr/postgres/bootstrap-roles'
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose'
import { Refusal, explainFileError } from './refusal.ts'
import { createNatsSeed, natsUsers } from './servers/nats-users.ts'
import { superuser } from './servers/postgres.ts'

/** The development secrets of one stack: where each file is, and the passwords of the database roles. */
export type Secrets = {
  readonly dir: string
  readonly rootKeyFile: string
  readonly indexKeyFile: string
  readonly publicKeysDir: string
  readonly gatewaySigningKeyFile: string
  readonly serviceKeyFile: (service: Service) => string
  readonly natsCredentialsFile: (user: NatsUser) => string
  /** by role: `postgres`, `csr_owner`, `csr_<service>`, `csr_<service>_worker` */
  readonly databasePasswords: Readonly<Record<string, string>>
}

const passwordRoles: readonly string[] = [superuser, ...databaseRoles]

/**
 * Opens the secrets of a stack, or makes all of them where none are and `dataExists` says that nothing was ever sealed
 * with others. A missing one is never made anew beside existing data: what it sealed would be lost without a word.
 * Files are 0600, folders 0700. Throws Refusal.
 */
export async function openSecrets(options: { dir: string; dataExists: boolean }): Promise<Secrets> {
  const { dir, dataExists } = options
  const missing = missingIn(dir)
  if (missing.length === 0) return describe(dir)
  if (dataExists) {
    throw new Refusal(
      `The secrets in ${dir} are not complete: ${missing.join(', ')} missing, while the database exists. ` +
        'Fresh keys would open nothing in it. Put the files back from your copy, or start over with npm run reset.',
    )
  }
  try {
    await makeSecrets(dir)
  } catch (error) {
    throw explainFileError(error, dir)
  }
  return describe(dir)
}

// Made beside and renamed: the folder with the final name is complete, whatever was killed when.
async function makeSecrets(dir: string): Promise<void> {
  const unfinished = `${dir}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  for (const folder of ['services', 'access', 'public', 'nats']) {
    mkdirSync(join(unfinished, folder), { recursive: true, mode: 0o700 })
  }
  writeSecret(join(unfinished, files.rootKey), keyFile())
  writeSecret(join(unfinished, files.indexKey), keyFile())
  writeSecret(join(unfinished, files.passwords), JSON.stringify(passwords(), null, 2))
  for (const user of natsUsers) writeSecret(join(unfinished, files.natsSeed(user)), createNatsSeed())
  await Promise.all([
    writeSigningKey(unfinished, 'access', (kid) => join('access', `access.${kid}.json`)),
    ...services.map((service) => writeSigningKey(unfinished, service, () => files.serviceKey(service))),
  ])
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 })
  renameSync(unfinished, dir)
}

const files = {
  rootKey: 'root.key',
  indexKey: 'index.key',
  passwords: 'database-passwords.json',
  natsSeed: (user: NatsUser) => join('nats', `${user}.nk`),
  serviceKey: (service: Service) => join('services', `${service}.key.json`),
}

function missingIn(dir: string): string[] {
  const expected = [
    files.rootKey,
    files.indexKey,
    files.passwords,
    ...natsUsers.map(files.natsSeed),
    ...services.map(files.serviceKey),
  ]
  const missing = expected.filter((file) => !existsSync(join(dir, file)))
  for (const name of [...services, 'access'])
    if (!hasKeyOf(join(dir, 'public'), name)) missing.push(`public/${name}.*.json`)
  if (!hasKeyOf(join(dir, 'access'), 'access')) missing.push('access/access.*.json')
  return missing
}

function hasKeyOf(folder: string, name: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(`${name}.`) && file.endsWith('.json'))
}

function describe(dir: string): Secrets {
  const signing =
    readdirSync(join(dir, 'access'))
      .filter((file) => file.endsWith('.json'))
      .toSorted()[0] ?? ''
  return {
    dir,
    rootKeyFile: join(dir, files.rootKey),
    indexKeyFile: join(dir, files.indexKey),
    publicKeysDir: join(dir, 'public'),
    gatewaySigningKeyFile: join(dir, 'access', signing),
    serviceKeyFile: (service) => join(dir, files.serviceKey(service)),
    natsCredentialsFile: (user) => join(dir, files.natsSeed(user)),
    databasePasswords: readPasswords(join(dir, files.passwords)),
  }
}

function readPasswords(path: string): Record<string, string> {
  const read = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
  const missing = passwordRoles.filter((role) => typeof read[role] !== 'string' || (read[role] ?? '').length < 16)
  if (missing.length > 0) throw new Refusal(`${path} has no password, or a short one, for: ${missing.join(', ')}.`)
  return read
}

/** The form the keyring reads: several keys by id, one of them current. */
function keyFile(): string {
  const kid = randomBytes(6).toString('base64url')
  return JSON.stringify({ current: kid, keys: { [kid]: randomBytes(32).toString('base64') } }, null, 2)
}

function passwords(): Record<string, string> {
  return Object.fromEntries(passwordRoles.map((role) => [role, randomBytes(24).toString('base64url')]))
}

async function writeSigningKey(dir: string, name: string, pathOf: (kid: string) => string): Promise<void> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 3_072 })
  const publicJwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const marks = { kid, alg: 'RS256', use: 'sig' } satisfies JWK
  writeSecret(join(dir, pathOf(kid)), JSON.stringify({ ...(await exportJWK(privateKey)), ...marks }))
  writeSecret(join(dir, 'public', `${name}.${kid}.json`), JSON.stringify({ ...publicJwk, ...marks }))
}

function writeSecret(path: string, content: string): void {
  writeFileSync(path, `${content}\n`, { mode: 0o600, flag: 'wx' })
}
