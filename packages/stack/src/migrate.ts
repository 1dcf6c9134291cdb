import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { resolveBinary } from 'dbmate'
import { Refusal } from './refusal.ts'

/** The two databases that have migrations; the names are those of their folders. */
export const MigratedDatabase = { csr: 'csr', keys: 'csr_keys' } as const
export type MigratedDatabase = (typeof MigratedDatabase)[keyof typeof MigratedDatabase]

export type MigrationState = { readonly database: MigratedDatabase; readonly file: string; readonly applied: boolean }

/** Addresses of both databases as the role that owns them. */
export type MigrationTargets = Readonly<Record<MigratedDatabase, string>>

/** The folder with the migrations of a database. */
export function migrationsFolder(database: MigratedDatabase): string {
  return fileURLToPath(new URL(`../../../migrations/${database}`, import.meta.url))
}

/** Applies what is not applied yet, keys first. Returns the names of the applied files. Throws Refusal. */
export async function migrateUp(targets: MigrationTargets): Promise<readonly string[]> {
  const applied: string[] = []
  for (const database of inOrder) {
    const output = await dbmate(database, targets[database], ['migrate'])
    applied.push(...[...output.matchAll(/^Applied: (\S+)/gm)].map(([, file = '']) => file))
  }
  return applied
}

/** Rolls the latest migration of one database back. Throws Refusal. */
export async function migrateDown(database: MigratedDatabase, url: string): Promise<string> {
  const output = await dbmate(database, url, ['down'])
  return /^Rolled back: (\S+)/m.exec(output)?.[1] ?? ''
}

/** Every migration of both databases with its state. Throws Refusal. */
export async function migrationStatus(targets: MigrationTargets): Promise<readonly MigrationState[]> {
  const states: MigrationState[] = []
  for (const database of inOrder) {
    const output = await dbmate(database, targets[database], ['status'])
    for (const [, mark, file = ''] of output.matchAll(/^\[(.)\] (\S+)/gm)) {
      states.push({ database, file, applied: mark === 'X' })
    }
  }
  return states
}

const inOrder: readonly MigratedDatabase[] = [MigratedDatabase.keys, MigratedDatabase.csr]

// The address travels in the environment: a command line can be read by every user of the machine.
function dbmate(database: MigratedDatabase, url: string, verb: readonly string[]): Promise<string> {
  const folder = migrationsFolder(database)
  if (!existsSync(folder)) return Promise.resolve('')
  const address = new URL(url)
  if (!address.searchParams.has('sslmode')) address.searchParams.set('sslmode', 'disable')
  const args = ['--env', 'CSR_MIGRATE_URL', '--migrations-dir', folder, '--no-dump-schema', ...verb]
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'], CSR_MIGRATE_URL: address.href }
    execFile(resolveBinary(), args, { env, maxBuffer: 16 * 1024 ** 2 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const said = stderr.trim() || error.message.replaceAll(address.href, '<address>')
      reject(new Refusal(`Migrating ${database} failed. ${stdout.trim().split('\n').at(-1) ?? ''}\n${said}`))
    })
  })
}
