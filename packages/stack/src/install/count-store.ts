import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ServerError } from '../servers/server-error.ts'
import { cacheFolders, writableCache } from './cache.ts'
import { fetchDebianProgram } from './debian-program.ts'
import { removeAbandoned } from './nats-server.ts'

/** A program that speaks the protocol of Valkey, and where the libraries stand that came with it. */
export type CountStoreProgram = { readonly command: string; readonly env: Readonly<Record<string, string>> }

const names = ['valkey-server', 'redis-server']
const folderName = 'count-store'
const platform = `${process.platform}-${process.arch}`

/** Debian's program, and the libraries a minimal system does not have. */
const packages = [
  'redis-tools',
  'redis-server',
  'libjemalloc2',
  'liblzf1',
  'libatomic1',
  'libssl3',
  'libsystemd0',
] as const

/**
 * A Valkey or Redis server: from PATH, the caches, or fetched into a cache by the machine's package manager. Only tests of
 * limits that gateways share need one. Throws ServerError with the ways to get it by hand.
 */
export async function installCountStore(onProgress: (line: string) => void = () => {}): Promise<CountStoreProgram> {
  const found = find()
  if (found) return found
  const cache = writableCache(cacheFolders())
  const home = join(cache, folderName)
  mkdirSync(home, { recursive: true })
  removeAbandoned(home)
  const work = mkdtempSync(join(home, `fetch-${process.pid}-`))
  try {
    const wanted = { packages, suite: 'own', file: 'usr/bin/redis-server' } as const
    const program = await fetchDebianProgram({ ...wanted, work, onProgress })
    if (!existsSync(join(home, platform))) renameSync(join(program, '../../..'), join(home, platform))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `No Valkey or Redis server could be had: ${reason}\nPut valkey-server or redis-server into PATH.`
    throw new ServerError('binary-missing', message, { cause: error })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const fetched = find()
  if (!fetched) throw new ServerError('binary-missing', 'The fetched redis-server does not run on this system.')
  return fetched
}

function find(): CountStoreProgram | null {
  const inPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
  const cached = cacheFolders().map((cache): CountStoreProgram => {
    const root = join(cache, folderName, platform)
    const libraries = process.arch === 'arm64' ? 'usr/lib/aarch64-linux-gnu' : 'usr/lib/x86_64-linux-gnu'
    return { command: join(root, 'usr/bin/redis-server'), env: { LD_LIBRARY_PATH: join(root, libraries) } }
  })
  return [...cached, ...inPath.map((command) => ({ command, env: {} }))].find(runs) ?? null
}

function runs({ command, env }: CountStoreProgram): boolean {
  if (!existsSync(command)) return false
  try {
    execFileSync(command, ['--version'], { env: { ...process.env, ...env }, timeout: 10_000, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
