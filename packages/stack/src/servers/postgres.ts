import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorOutputOf } from '../install/output-of.ts'
import { explainFileError } from '../refusal.ts'
import { endProcesses, identify, type ProcessIdentity } from '../process-identity.ts'
import { takeDirectory } from './ownership.ts'
import { isPortFree } from './ports.ts'
import { postgresRunner, type PostgresRunner } from './postgres-program.ts'
import { ServerError, explainLog, lastLine, portInUse } from './server-error.ts'
import { spawnServer, type Exit, type ServerLaunch } from './server-process.ts'

export type PostgresOptions = {
  /** holds the server's data and nothing else; made when missing */
  readonly dataDir: string
  readonly port: number
  readonly logFile: string
  readonly superuserPassword: string
  /** how to avoid being root as root; found out by trying when left out */
  readonly asRoot?: 'namespace' | 'user'
  readonly onProgress?: (line: string) => void
}

export type PostgresServer = AsyncDisposable & {
  readonly pid: number
  readonly port: number
  readonly dataDir: string
  /** the maintenance database as superuser; for set-up and the operator, never for a service */
  readonly superuserUrl: string
  readonly url: (role: string, password: string, database: string) => string
  readonly exited: Promise<Exit>
  /** lets this process end although the server runs; whoever calls it ends the server in another way */
  readonly unref: () => void
  /** ends sessions, writes a checkpoint and stops; forced after 10 s */
  readonly stop: () => Promise<void>
}

export const superuser = 'postgres'

/** Whether data was ever served from this directory: initdb works beside it and renames when it is complete. */
export function hasPostgresData(dataDir: string): boolean {
  return existsSync(join(dataDir, 'PG_VERSION'))
}

/**
 * What has to stand before each run: clears what a killed server left (its children, its lock), makes the cluster where
 * there is none, refuses a taken port. Whoever calls it holds the directory. Throws ServerError.
 */
export async function preparePostgres(options: PostgresOptions): Promise<ServerLaunch> {
  const { dataDir, port } = options
  try {
    await clearLeftovers(dataDir)
    const runner = postgresRunner(dataDir, options.asRoot)
    if (!hasPostgresData(dataDir)) await createCluster(runner, options)
    if (!(await isPortFree(port))) throw portInUse('PostgreSQL', port)
    return runner.program('postgres', serverArgs(dataDir, port))
  } catch (error) {
    throw explainFileError(error, dataDir)
  }
}

/** Resolves when the server with this pid accepts connections (after a crash: when recovery is over). Throws ServerError. */
export async function untilPostgresReady(
  server: { readonly pid: number; readonly hasExited: () => boolean; readonly logTail: () => string },
  options: PostgresOptions,
): Promise<void> {
  const startedAt = Date.now()
  let told = false
  for (;;) {
    if (server.hasExited()) {
      const tail = server.logTail()
      throw (
        explainLog('PostgreSQL', tail, { port: options.port, directory: options.dataDir }) ??
        new ServerError('failed', `PostgreSQL did not start: ${lastLine(tail)} (all of it in ${options.logFile})`)
      )
    }
    // postmaster.pid: the first line is the pid, the eighth says whether connections are accepted.
    const lines = readLock(options.dataDir)
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return
    if (!told && Date.now() - startedAt > 2_000) {
      told = true
      options.onProgress?.('PostgreSQL: recovering after a crash')
    }
    await delay(10)
  }
}

/** The address of a database on this server. */
export function postgresUrl(port: number, role: string, password: string, database: string): string {
  const [user, secret, name] = [role, password, database].map(encodeURIComponent)
  return `postgres://${user}:${secret}@127.0.0.1:${port}/${name}`
}

/**
 * Prepares and starts the server as a direct child of this process, which owns the directory from then on: what a dead
 * owner left running there is ended first, a living owner is named in the refusal. Throws ServerError.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { dataDir, port } = options
  const ownership = await takeDirectory(dataDir, { signal: 'SIGINT', limitMs: 15_000 })
  const server = await ownership.startOrRelease(async () => {
    const started = spawnServer(await preparePostgres(options), options.logFile)
    ownership.record(started.pid)
    await untilPostgresReady(started, options)
    return started
  })
  const stop = async (): Promise<void> => {
    await server.end(['SIGINT', 'SIGQUIT', 'SIGKILL'], 10_000)
    ownership.release()
  }
  return {
    pid: server.pid,
    port,
    dataDir,
    superuserUrl: postgresUrl(port, superuser, options.superuserPassword, 'postgres'),
    url: (role, password, database) => postgresUrl(port, role, password, database),
    exited: server.exited,
    unref: server.unref,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

// Given on the command line, so that neither a file nor ALTER SYSTEM can weaken them. The log holds no statement, no
// parameter and no DETAIL line (which repeats values of the row).
function serverArgs(dataDir: string, port: number): string[] {
  const settings: Record<string, string | number> = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    max_connections: 500,
    superuser_reserved_connections: 5,
    max_locks_per_transaction: 256,
    shared_buffers: `${sharedBuffersMegabytes()}MB`,
    max_wal_size: '2GB',
    jit: 'off',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
  }
  return ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

function sharedBuffersMegabytes(): number {
  const eighth = totalmem() / 8 / 1024 ** 2
  return Math.round(Math.min(256, Math.max(32, eighth)))
}

// initdb ends in a rename: a directory with the final name is complete, whatever was killed when.
async function createCluster(runner: PostgresRunner, options: PostgresOptions): Promise<void> {
  const { dataDir } = options
  refuseForeign(dataDir)
  options.onProgress?.('PostgreSQL: creating the database cluster')
  const unfinished = `${dataDir}.unfinished`
  const passwordFile = `${dataDir}.password`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  writeFileSync(passwordFile, options.superuserPassword, { mode: 0o600 })
  try {
    runner.hand(unfinished)
    runner.hand(passwordFile)
    const args = ['-D', unfinished, '--locale=C', '--encoding=UTF8', `--username=${superuser}`]
    const initdb = runner.program('initdb', [...args, '--auth=scram-sha-256', `--pwfile=${passwordFile}`])
    await promisify(execFile)(initdb.command, [...initdb.args], { env: initdb.env })
    if (existsSync(dataDir)) rmdirSync(dataDir)
    renameSync(unfinished, dataDir)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    const said = errorOutputOf(error)
    throw (
      explainLog('PostgreSQL', said, { port: options.port, directory: dataDir }) ??
      (said === '' ? error : new ServerError('failed', `initdb failed: ${lastLine(said)}`, { cause: error }))
    )
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

function refuseForeign(dataDir: string): void {
  if (!existsSync(dataDir) || readdirSync(dataDir).length === 0) return
  throw new ServerError(
    'directory-foreign',
    `${dataDir} holds files but no PostgreSQL cluster. Move them away, or choose another folder with --data-dir.`,
  )
}

function readLock(dataDir: string): string[] {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

/**
 * After a kill of the postmaster its children end by themselves, a little later, and its lock file stays. Waits for them,
 * ends what does not go, and removes the lock: its pid may belong to somebody else by now.
 */
async function clearLeftovers(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, 'postmaster.pid'))) return
  const lockPid = Number(readLock(dataDir)[0])
  const left = processesIn(dataDir)
  const postmaster = left.filter(({ pid }) => pid === lockPid)
  await endProcesses(postmaster, { signal: 'SIGINT', limitMs: 15_000 })
  await endProcesses(processesIn(dataDir), { signal: 'SIGQUIT', limitMs: 5_000 })
  rmSync(join(dataDir, 'postmaster.pid'), { force: true })
}

// Every PostgreSQL process has the data directory as its working directory. Elsewhere than on Linux the shared memory
// segment named in the lock file keeps a second server out until the first one's children are gone.
function processesIn(dataDir: string): ProcessIdentity[] {
  if (process.platform !== 'linux') return []
  const real = realpathSync(dataDir)
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && workingDirectory(entry) === real)
    .map((entry) => identify(Number(entry)))
    .filter((identity) => identity !== null && identity.pid !== process.pid)
    .filter((identity) => identity !== null)
}

function workingDirectory(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}
