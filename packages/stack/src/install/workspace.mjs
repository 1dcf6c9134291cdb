// Brings the packages of the lockfile, and with them Node 26 and PostgreSQL, into node_modules. Runs on Node 20.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { InstallRefused, explainFileError, explainOutput, tail } from './explain.mjs'

const pnpm = 'pnpm@12.21.0'

/** Installs when the lockfile changed, nothing is there, or an earlier installation was cut off; else costs one hash. */
export async function installWorkspace({ root, environment, say }) {
  const marks = marksOf(root)
  const wanted = fingerprint(root)
  if (isCurrent(root, wanted)) return
  refuseReadOnly(root)
  const release = await lock(root, say)
  try {
    if (isCurrent(root, wanted)) return
    const interrupted = existsSync(marks.unfinished)
    say(
      interrupted
        ? 'The last installation was cut off or failed; finishing it.'
        : 'Installing the packages of the lockfile.',
    )
    if (interrupted) endLeftOver(readText(marks.unfinished))
    writeFileSync(marks.unfinished, '')
    rmSync(marks.done, { force: true })
    await installPackages({ root, environment: withHome(root, environment), say, interrupted })
    writeFileSync(`${marks.done}.new`, `${wanted}\n`)
    renameSync(`${marks.done}.new`, marks.done)
    rmSync(marks.unfinished, { force: true })
  } catch (error) {
    throw explainFileError(error, root)
  } finally {
    release()
  }
}

/** Checks that PostgreSQL runs and that there is a nats-server, which is fetched if need be. Remembered per installation. */
export async function installServers({ root, environment, say }) {
  const { done, servers } = marksOf(root)
  const current = readText(done)
  if (readText(servers) === current) return
  const script = join(root, 'packages/stack/src/install/install-servers.ts')
  const child = spawn(join(root, 'node_modules/.bin/node'), [script], { stdio: ['ignore', 2, 2], env: environment })
  const code = await new Promise((resolve) => child.once('exit', resolve).once('error', () => resolve(1)))
  if (code !== 0) process.exit(code ?? 1)
  try {
    writeFileSync(servers, current)
  } catch {
    say('The folder cannot be written, so the next start checks again.')
  }
}

function marksOf(root) {
  const at = (name) => join(root, 'node_modules', name)
  return {
    done: at('.csr-installed'),
    servers: at('.csr-servers'),
    unfinished: at('.csr-unfinished'),
    lock: at('.csr-lock'),
  }
}

// The folder's own place is part of it: a copied or moved node_modules holds links to where it was.
function fingerprint(root) {
  const hash = createHash('sha256')
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.nvmrc']) hash.update(readFileSync(join(root, file)))
  return `${hash.update(`${root} ${process.platform} ${process.arch}`).digest('hex')} ${pnpm}`
}

function isCurrent(root, wanted) {
  return readText(marksOf(root).done) === wanted && existsSync(join(root, 'node_modules/.bin/node'))
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

async function installPackages({ root, environment, say, interrupted }) {
  const first = await runPnpm({ root, environment, say })
  if (first.code === 0 && hasWantedNode(root)) return
  // Leftovers of an installation that was cut off can stand in the way of the next one.
  const known = first.code === 0 ? null : explainOutput(first.output, root)
  if (known !== null && !interrupted) throw known
  if (known !== null && known.final) throw known
  if (!interrupted && first.code !== 0) throw new InstallRefused(`The installation failed:\n${tail(first.output)}`)
  say('The packages are not complete; starting over with an empty node_modules.')
  emptyModules(root)
  const second = await runPnpm({ root, environment, say })
  if (second.code !== 0) {
    throw explainOutput(second.output, root) ?? new InstallRefused(`The installation failed:\n${tail(second.output)}`)
  }
  if (!hasWantedNode(root))
    throw new InstallRefused(`Node ${wantedNode(root)} was installed but does not run on this system.`)
}

function emptyModules(root) {
  const marks = marksOf(root)
  const keep = [marks.lock, marks.unfinished]
  spawnSync('find', [
    join(root, 'node_modules'),
    '-mindepth',
    '1',
    '-maxdepth',
    '1',
    ...keep.flatMap((path) => ['!', '-path', path]),
    '-exec',
    'rm',
    '-rf',
    '{}',
    '+',
  ])
}

function wantedNode(root) {
  return readText(join(root, '.nvmrc'))
}

function hasWantedNode(root) {
  const node = join(root, 'node_modules/.bin/node')
  if (!existsSync(node)) return false
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${wantedNode(root)}`
}

function endLeftOver(pid) {
  try {
    const runs = readFileSync(`/proc/${Number(pid)}/cmdline`, 'utf8')
    if (runs.includes(pnpm)) process.kill(-Number(pid), 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

const heartbeatMs = 5000

function runPnpm({ root, environment, say }) {
  const args = ['--yes', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only']
  // Waits between tries that a person at the terminal can bear: without a network it is known after a quarter of a minute.
  const patience = { npm_config_fetch_retry_mintimeout: '2000', npm_config_fetch_retry_maxtimeout: '10000' }
  const env = { ...environment, ...patience, CI: 'true' }
  // A project's own Node on PATH would be used to run npx, and may be the half that is missing.
  env.PATH = process.env.PATH
  const child = spawn('npx', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  // Who is killed leaves the installation behind; the next one has to know whom to end.
  if (child.pid !== undefined) writeFileSync(marksOf(root).unfinished, `${child.pid}\n`)
  let output = ''
  let progress = ''
  const take = (chunk) => {
    output = (output + chunk).slice(-64 * 1024)
    progress = /Progress: [^\n]*/g.exec(String(chunk))?.[0] ?? progress
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const startedMs = performance.now()
  const heartbeat = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1000)
    say(`  ${seconds} s: ${progress === '' ? 'fetching pnpm' : progress.replace('Progress: ', '')}`)
  }, heartbeatMs)
  const forward = (signal) => {
    try {
      process.kill(-child.pid, 'SIGTERM')
    } catch {}
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGINT', forward).once('SIGTERM', forward)
  return new Promise((resolve) => {
    const finish = (result) => {
      clearInterval(heartbeat)
      process.off('SIGINT', forward).off('SIGTERM', forward)
      resolve(result)
    }
    child.once('error', (error) => finish({ code: 127, output: `npx: ${error.message}` }))
    child.once('close', (code) => finish({ code: code ?? 1, output }))
  })
}

function refuseReadOnly(root) {
  try {
    accessSync(root, constants.W_OK)
    mkdirSync(join(root, 'node_modules'), { recursive: true })
    accessSync(join(root, 'node_modules'), constants.W_OK)
  } catch (error) {
    throw explainFileError(error, root)
  }
}

// npm and pnpm keep caches in the home folder; where it cannot be written they go into the project.
function withHome(root, environment) {
  const home = homedir()
  try {
    if (!statSync(home).isDirectory()) throw new Error('no folder')
    accessSync(home, constants.W_OK)
    return environment
  } catch {
    const own = join(root, '.cache/home')
    mkdirSync(own, { recursive: true })
    return { ...environment, HOME: own }
  }
}

// One installation at a time: a second command waits for the first and finds it done. A lock whose process is gone counts
// for nothing.
async function lock(root, say) {
  const path = marksOf(root).lock
  let told = false
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw explainFileError(error, root)
    }
    const holder = Number(readText(path))
    if (holder > 0 && !isAlive(holder)) {
      rmSync(path, { force: true })
      continue
    }
    if (!told) say(`Another command (process ${holder}) is installing; waiting for it.`)
    told = true
    await delay(200)
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
