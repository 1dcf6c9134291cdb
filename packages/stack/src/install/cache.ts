import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerError } from '../servers/server-error.ts'

const projectCache = fileURLToPath(new URL('../../../../.cache', import.meta.url))

/** Where things may have been kept: the project's own folder, then the user's. */
export function cacheFolders(): readonly string[] {
  const users = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return [projectCache, join(users, 'csr-backbone')]
}

/** The first cache folder that may be written; made when missing. */
export function writableCache(folders: readonly string[] = cacheFolders()): string {
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true })
      accessSync(folder, constants.W_OK)
      return folder
    } catch {
      continue
    }
  }
  throw new ServerError(
    'not-permitted',
    `Neither ${folders.join(' nor ')} can be written. Make the project's folder writable, or set XDG_CACHE_HOME.`,
  )
}
