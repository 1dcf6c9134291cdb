import { readFileSync } from 'node:fs'
import { bootstrapRoles } from '@csr/postgres/bootstrap-roles'
import { givenPlace, ownerUrl } from './database-places.ts'
import { migrateUp } from './migrate.ts'
import { Refusal } from './refusal.ts'

/**
 * Roles, databases and migrations on servers that somebody else runs: DATABASE_URL and KEYS_DATABASE_URL name a role that
 * may create roles and databases, DATABASE_PASSWORDS_FILE the passwords of ours. Safe to repeat.
 */
try {
  const { DATABASE_URL = '', KEYS_DATABASE_URL = '', DATABASE_PASSWORDS_FILE = '' } = process.env
  const places = [
    givenPlace('DATABASE_URL', DATABASE_URL, 'csr'),
    givenPlace('KEYS_DATABASE_URL', KEYS_DATABASE_URL, 'csr_keys'),
  ] as const
  const passwords = JSON.parse(readFileSync(DATABASE_PASSWORDS_FILE, 'utf8')) as Record<string, string>
  for (const { adminUrl, database } of places) await bootstrapRoles({ adminUrl, passwords, databases: [database] })
  const [csr, keys] = places
  const applied = await migrateUp({ csr: ownerUrl(csr, passwords), csr_keys: ownerUrl(keys, passwords) })
  process.stdout.write(`${applied.length} migrations applied\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof Refusal ? error.exitCode : 1
}
