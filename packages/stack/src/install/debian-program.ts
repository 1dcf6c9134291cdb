import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorOutputOf } from './output-of.ts'

const run = promisify(execFile)

type Wanted = {
  /** the package of the program, and those it needs that a bare system may lack */
  readonly packages: readonly [string, ...string[]]
  /** `newest`: for static programs, whatever the system is; `own`: for programs that need the system's libraries */
  readonly suite: 'newest' | 'own'
  /** the program's path inside the packages */
  readonly file: string
  /** an empty folder of this call alone */
  readonly work: string
  readonly onProgress: (line: string) => void
}

/** Suites newer than any stable one, the calmer first. Their Go programs need no newer system than Debian 12. */
const newest = ['forky', 'sid']

const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']

/**
 * Fetches one program from the Debian mirror this machine already uses, without installing anything: own source list, own
 * lists and cache, signed by the archive's keyring; needs no root. Returns the unpacked file, under whose root folder
 * everything else of the packages stands.
 */
export async function fetchDebianProgram(wanted: Wanted): Promise<string> {
  const keyring = keyrings.find((path) => existsSync(path))
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb') || keyring === undefined) {
    throw new Error('this system has no apt with the Debian archive keyring')
  }
  const own = await ownMirror()
  const failures: string[] = []
  for (const suite of wanted.suite === 'own' ? [own.suite] : newest) {
    try {
      return await fetchFrom(`deb [signed-by=${keyring}] ${own.address} ${suite} main\n`, suite, wanted)
    } catch (error) {
      failures.push(`${suite}: ${firstError(error)}`)
    }
  }
  throw new Error(failures.join('; '))
}

async function fetchFrom(source: string, suite: string, wanted: Wanted): Promise<string> {
  const home = join(wanted.work, suite)
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'download', 'unpacked']) {
    mkdirSync(join(home, folder), { recursive: true })
  }
  writeFileSync(join(home, 'sources.list'), source)
  writeFileSync(join(home, 'status'), '')
  const options = aptOptions(home)
  const [name] = wanted.packages
  wanted.onProgress(`${name}: reading the package list of Debian ${suite}`)
  await run('apt-get', [...options, 'update'], { env: environment(), maxBuffer: outputBytesMax })
  wanted.onProgress(`${name}: downloading`)
  const download = join(home, 'download')
  await run('apt-get', [...options, 'download', ...wanted.packages], {
    cwd: download,
    env: environment(),
    maxBuffer: outputBytesMax,
  })
  const archives = readdirSync(download).filter((file) => file.endsWith('.deb'))
  if (archives.length < wanted.packages.length) throw new Error(`not all was downloaded for ${name}`)
  for (const archive of archives) {
    await run('dpkg-deb', ['-x', join(download, archive), join(home, 'unpacked')], { env: environment() })
  }
  return join(home, 'unpacked', wanted.file)
}

function aptOptions(home: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': join(home, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '-',
    'Dir::State': join(home, 'state'),
    'Dir::State::lists': join(home, 'state/lists'),
    'Dir::State::status': join(home, 'status'),
    'Dir::Cache': join(home, 'cache'),
    'APT::Sandbox::User': '',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled': 'false',
  }
  return ['-q', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])]
}

/** The address of the mirror that serves this machine's own Debian suite; read from apt, written down nowhere. */
async function ownMirror(): Promise<{ readonly address: string; readonly suite: string }> {
  const { stdout } = await run('apt-get', ['update', '--print-uris'], { env: environment(), maxBuffer: outputBytesMax })
  const releases = [...stdout.matchAll(/^'(.+?)\/dists\/([^']+?)\/(?:In)?Release'/gm)]
  const candidates = releases.map(([, address = '', suite = '']) => ({ address, suite }))
  const main = candidates.find(({ address, suite }) => /\/debian\/?$/.test(address) && !suite.includes('security'))
  if (main === undefined) throw new Error('apt on this system names no Debian mirror')
  return main
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
}

const outputBytesMax = 16 * 1024 ** 2

function firstError(error: unknown): string {
  const said = errorOutputOf(error)
  const line =
    said.split('\n').find((text) => text.startsWith('E:')) ?? said.split('\n').find((text) => text.startsWith('W:'))
  return line?.slice(2).trim() ?? (error instanceof Error ? error.message : String(error))
}
