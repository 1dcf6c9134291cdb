import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writableCache } from '@csr/stack/install/cache'
import { openSecrets, type Secrets } from '@csr/stack/secrets'

export type TestSecrets = Secrets

/**
 * Secrets as a stack makes them. Eight RSA keys take seconds, so they are made once per checkout and kept in its cache
 * folder; nothing but tests ever uses them.
 */
export function testSecrets(): Promise<TestSecrets> {
  opened ??= open()
  return opened
}

/** Puts a copy of them where a stack looks for its own, unless some are there. */
export async function placeTestSecrets(dir: string): Promise<void> {
  if (existsSync(dir)) return
  const secrets = await testSecrets()
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 })
  cpSync(secrets.dir, dir, { recursive: true })
}

let opened: Promise<TestSecrets> | undefined

// The version is part of the name: raised when the set of secrets changes.
async function open(): Promise<TestSecrets> {
  const cache = writableCache()
  const dir = join(cache, `test-secrets-${process.getuid?.() ?? 0}-v1`)
  if (existsSync(dir)) return await openSecrets({ dir, dataExists: true })
  mkdirSync(cache, { recursive: true })
  const own = `${dir}.${process.pid}`
  await openSecrets({ dir: own, dataExists: false })
  try {
    renameSync(own, dir)
  } catch (error) {
    // Another test process was first.
    rmSync(own, { recursive: true, force: true })
    if (!existsSync(dir)) throw error
  }
  return await openSecrets({ dir, dataExists: true })
}
