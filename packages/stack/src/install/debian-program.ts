import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorOutputOf } from './output-of.ts'

const run = promisify(execFile)

type Wanted = {
  readonly package: string
  /** the program's path inside the package */
  readonly file: string
  /** an empty folder of this call alone */
  readonly work: string
  readonly onProgress: (line: string) => void
}

/** Suites newer than any stable one, the calmer first. Their Go programs need no newer system than Debian 12. */
const suites = ['forky', 'sid']

const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']

/**
 * Fetches one program of Debian's newest suites from the mirror this machine already uses, without installing anything:
 * own source list, own lists and cache, signed by the archive's keyring; needs no root. Returns the unpacked file.
 */
export async function fetchDebianProgram(wanted: Wanted): Promise<string> {
  const keyring = keyrings.find((path) => existsSync(path))
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb') || keyring === undefined) {
    throw new Error('this system has no apt with the Debian archive keyring')
  }
  const mirror = await ownMirror()
  const failures: string[] = []
  for (const suite of suites) {
    try {
      return await fetchFrom(`deb [signed-by=${keyring}] ${mirror} ${suite} main\n`, suite, wanted)
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
  wanted.onProgress(`${wanted.package}: reading the package list of Debian ${suite}`)
  await run('apt-get', [...options, 'update'], { env: environment(), maxBuffer: outputBytesMax })
  wanted.onProgress(`${wanted.package}: downloading`)
  const download = join(home, 'download')
  await run('apt-get', [...options, 'download', wanted.package], {
    cwd: download,
    env: environment(),
    maxBuffer: outputBytesMax,
  })
  const archive = readdirSync(download).find((name) => name.endsWith('.deb'))
  if (archive === undefined) throw new Error(`nothing was downloaded for ${wanted.package}`)
  await run('dpkg-deb', ['-x', join(download, archive), join(home, 'unpacked')], { env: environment() })
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
async function ownMirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['update', '--print-uris'], { env: environment(), maxBuffer: outputBytesMax })
  const releases = [...stdout.matchAll(/^'(.+?)\/dists\/([^']+?)\/(?:In)?Release'/gm)]
  const candidates = releases.map(([, address = '', suite = '']) => ({ address, suite }))
  const main = candidates.find(({ address, suite }) => /\/debian\/?$/.test(address) && !suite.includes('security'))
  if (main === undefined) throw new Error('apt on this system names no Debian mirror')
  return main.address
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
