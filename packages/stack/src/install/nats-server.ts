import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { explainFileError } from '../refusal.ts'
import { ServerError } from '../servers/server-error.ts'
import { cacheFolders, writableCache } from './cache.ts'
import { fetchDebianProgram } from './debian-program.ts'

/** The oldest version with `sync_interval: always` and without the known holes: major, minor. */
const versionMin = [2, 14] as const

export type NatsInstallation = {
  readonly onProgress?: (line: string) => void
  /** where fetched programs are kept; the first that may be written is fetched into */
  readonly caches?: readonly string[]
  /** where else one may stand; PATH and the usual folders when left out */
  readonly places?: readonly string[]
}

/**
 * The path of a nats-server that is new enough: CSR_NATS_SERVER, then the caches, then PATH, else fetched into a cache by
 * the machine's own package manager. Safe to call from several processes at once. Throws ServerError with the ways to
 * get it by hand.
 */
export async function installNatsServer(options: NatsInstallation = {}): Promise<string> {
  const { onProgress = () => {}, caches = cacheFolders() } = options
  const given = process.env['CSR_NATS_SERVER']
  if (given !== undefined && given !== '') return checkGiven(given)
  const found = findNatsServer(options)
  if (found !== null) return found
  onProgress('nats-server: fetching a current version from the mirror of this system (about 15 MB)')
  const cache = writableCache(caches)
  try {
    return await fetchIntoCache(cache, onProgress)
  } catch (error) {
    const explained = explainFileError(error, cache)
    if (explained !== error) throw explained
    const reason = error instanceof Error ? error.message : String(error)
    throw new ServerError('binary-missing', `nats-server could not be fetched: ${reason}\n${byHand}`, { cause: error })
  }
}

/** The nats-server this machine has already, or null. */
export function findNatsServer(options: NatsInstallation = {}): string | null {
  const { caches = cacheFolders(), places = usualPlaces() } = options
  const cached = caches.map((folder) => join(folder, 'nats-server', `${process.platform}-${process.arch}`))
  return [...cached, ...places].map((folder) => join(folder, 'nats-server')).find(isNewEnough) ?? null
}

function usualPlaces(): readonly string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin']
}

function checkGiven(path: string): string {
  if (isNewEnough(path)) return path
  const message = `CSR_NATS_SERVER names ${path}, which is no nats-server ${versionMin.join('.')} or newer.`
  throw new ServerError('binary-missing', message)
}

function isNewEnough(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    const said = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [, major, minor] = /v(\d+)\.(\d+)/.exec(said) ?? []
    if (major === undefined || minor === undefined) return false
    return Number(major) > versionMin[0] || (Number(major) === versionMin[0] && Number(minor) >= versionMin[1])
  } catch {
    return false
  }
}

// Worked on in a folder of its own and renamed at the end: a fetch that was cut off leaves nothing that counts.
async function fetchIntoCache(cache: string, onProgress: (line: string) => void): Promise<string> {
  const home = join(cache, 'nats-server')
  mkdirSync(home, { recursive: true })
  removeAbandoned(home)
  const work = mkdtempSync(join(home, `fetch-${process.pid}-`))
  try {
    const wanted = { packages: ['nats-server'], suite: 'newest', file: 'usr/sbin/nats-server' } as const
    const program = await fetchDebianProgram({ ...wanted, work, onProgress })
    if (!isNewEnough(program)) throw new Error(`the mirror's newest version is older than ${versionMin.join('.')}`)
    const folder = join(home, `${process.platform}-${process.arch}`)
    mkdirSync(folder, { recursive: true })
    copyFileSync(program, join(folder, `nats-server.${process.pid}`))
    renameSync(join(folder, `nats-server.${process.pid}`), join(folder, 'nats-server'))
    return join(folder, 'nats-server')
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export function removeAbandoned(home: string): void {
  for (const entry of readdirSync(home)) {
    const pid = Number(/^fetch-(\d+)-/.exec(entry)?.[1])
    if (Number.isInteger(pid) && !existsSync(`/proc/${pid}`))
      rmSync(join(home, entry), { recursive: true, force: true })
  }
}

const byHand = `To get it by hand, any one of:
  - with a network, run this again; it goes on by itself
  - Debian: take the package nats-server of a suite that has 2.14 or newer (forky, sid)
  - macOS, or Linux with Homebrew: brew install nats-server
  - any system: unpack the nats-server project's release archive, compare its checksum, put the program into PATH
  - name a program by CSR_NATS_SERVER=/path/to/nats-server, or a server that runs already by NATS_URL`
