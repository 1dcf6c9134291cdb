import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@csr/testkit/eventually'
import { identify } from '../src/process-identity.ts'

const stackFolder = fileURLToPath(new URL('..', import.meta.url))

/** A project with the real bootstrap, a false `npx` and, as its command `logs`, a program that tells what happens to it. */
let root: string
let running: ChildProcess[] = []
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'csr-bootstrap-'))
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'packages/stack/src/install'), { recursive: true })
  for (const file of [
    'bootstrap.mjs',
    'src/install/workspace.mjs',
    'src/install/explain.mjs',
    'src/install/end-with-parent.mjs',
  ]) {
    cpSync(join(stackFolder, file), join(root, 'packages/stack', file))
  }
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'one\n')
  writeFileSync(join(root, 'pnpm-workspace.yaml'), '')
  writeFileSync(join(root, '.nvmrc'), `${process.versions.node}\n`)
  writeFileSync(join(root, 'packages/stack/src/logs.ts'), command)
  npx(installs)
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running = []
  rmSync(root, { recursive: true, force: true })
})

const command = `
const note = (text) => process.stdout.write(text + '\\n')
note('args ' + process.argv.slice(2).join(' '))
if (process.argv[2] === 'stay') {
  note('pid ' + process.pid)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { note('got ' + signal); setTimeout(() => process.exit(7), 200) })
  setInterval(() => {}, 1000)
} else process.exitCode = 5
`
const installs = `mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`

function npx(script: string): void {
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'bin/npx'), `#!/bin/sh\necho called >> "${root}/calls"\n${script}\n`)
  chmodSync(join(root, 'bin/npx'), 0o755)
}

const calls = (): number =>
  existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').split('\n').length - 1 : 0

type Run = {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly code: Promise<number | null>
}

function bootstrap(args: string[], options: { path?: string; node?: string[]; uid?: number } = {}): Run {
  const { path = `${root}/bin:/usr/bin:/bin`, node = [], uid } = options
  const child = spawn(process.execPath, [...node, join(root, 'packages/stack/bootstrap.mjs'), ...args], {
    env: { PATH: path, HOME: root },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  running.push(child)
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const code = once(child, 'close').then(() => child.exitCode)
  return { child, out: () => out, err: () => err, code }
}

async function outcome(args: string[], options?: Parameters<typeof bootstrap>[1]) {
  const run = bootstrap(args, options)
  return { code: await run.code, out: run.out(), err: run.err() }
}

test('the first command installs, the second does not, and both pass arguments and exit code on', async () => {
  const first = await outcome(['logs', 'ingest', '--json'])
  assert.deepEqual([first.code, first.out], [5, 'args ingest --json\n'])
  assert.match(first.err, /Installing/)
  const second = await outcome(['logs'])
  assert.deepEqual([second.code, second.err], [5, ''])
  assert.equal(calls(), 1)
})

test('another lockfile is installed', async () => {
  await outcome(['logs'])
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'two\n')
  assert.equal((await outcome(['logs'])).code, 5)
  assert.equal(calls(), 2)
})

test('two commands at once install once', async () => {
  npx(`sleep 0.3; ${installs}`)
  const results = await Promise.all([outcome(['logs']), outcome(['logs']), outcome(['logs'])])
  assert.deepEqual(
    results.map(({ code }) => code),
    [5, 5, 5],
  )
  assert.equal(calls(), 1)
})

test('an installation that was cut off is finished by the next command, from nothing if need be', async () => {
  npx('mkdir -p node_modules/.bin; echo broken > node_modules/half; kill -9 $PPID')
  assert.notEqual((await outcome(['logs'])).code, 5)
  assert.ok(existsSync(join(root, 'node_modules/.csr-unfinished')))
  npx(`if [ -e node_modules/half ]; then exit 1; fi; ${installs}`)
  const next = await outcome(['logs'])
  assert.equal(next.code, 5, next.err)
  assert.match(next.err, /cut off/)
  assert.equal(existsSync(join(root, 'node_modules/.csr-unfinished')), false)
})

test('an installation that a killed command left running is ended before the next one', async () => {
  npx('echo $$ > npx-pid; sleep 60 & wait')
  const first = bootstrap(['logs'])
  const pid = await eventually(() => Number(readFileSync(join(root, 'npx-pid'), 'utf8')))
  await eventually(() => assert.equal(readFileSync(join(root, 'node_modules/.csr-unfinished'), 'utf8'), `${pid}\n`))
  first.child.kill('SIGKILL')
  await first.code
  assert.notEqual(identify(pid), null)
  npx(installs)
  assert.equal((await outcome(['logs'])).code, 5)
  assert.equal(identify(pid), null)
})

const failures = [
  [
    'no network',
    'request to https://registry.example.org failed, reason: getaddrinfo ENOTFOUND registry.example.org',
    /registry cannot be reached.*npm config get registry/s,
  ],
  ['a full disk', 'ERR_PNPM_ENOSPC  ENOSPC: no space left on device, write', /disk is full.*Make room/s],
  ['a folder that may not be written', "EACCES: permission denied, mkdir '/home/example/.npm'", /must be writable/],
  [
    'a mirror without the package',
    'ERR_PNPM_FETCH_404  GET postgres: Not Found - 404',
    /does not have one of the packages/,
  ],
  ['a lockfile of another commit', 'ERR_PNPM_OUTDATED_LOCKFILE  Cannot install', /same commit/],
  ['anything else', 'something nobody foresaw', /something nobody foresaw/],
] as const

for (const [what, said, expected] of failures) {
  test(`${what} is reported with a way out, and the next command tries again`, async () => {
    npx(`echo "${said}" >&2; exit 1`)
    const { code, err } = await outcome(['logs'])
    assert.equal(code, 1)
    assert.match(err, expected)
    npx(installs)
    assert.equal((await outcome(['logs'])).code, 5)
  })
}

test('a machine without npm is told so', async () => {
  const { code, err } = await outcome(['logs'], { path: join(root, 'nowhere') })
  assert.equal(code, 1)
  assert.match(err, /npx.*npm/)
})

test('a read-only folder is refused, and works where everything is installed', async () => {
  const uid = process.getuid?.() === 0 ? { uid: 1 } : {}
  chmodSync(root, 0o555)
  const refused = await outcome(['logs'], uid)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /cannot be written \(EACCES\)/)
  chmodSync(root, 0o755)
  assert.equal((await outcome(['logs'])).code, 5)
  chmodSync(root, 0o555)
  assert.equal((await outcome(['logs'], uid)).code, 5)
  chmodSync(root, 0o755)
})

test('a home folder that cannot be written is replaced by one in the project', async () => {
  npx(`echo "$HOME" > home; ${installs}`)
  const home = join(root, 'home-of-another')
  mkdirSync(home, { mode: 0o555 })
  const options = process.getuid?.() === 0 ? { uid: 1 } : {}
  if ('uid' in options) for (const path of [root, join(root, 'bin')]) chownSync(path, options.uid, options.uid)
  const node = ['--import', `data:text/javascript,process.env.HOME=${JSON.stringify(home)}`]
  assert.equal((await outcome(['logs'], { ...options, node })).code, 5)
  assert.equal(readFileSync(join(root, 'home'), 'utf8').trim(), join(root, '.cache/home'))
})

test('an old Node is told which one is needed', async () => {
  const old =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"18.19.0"}})'
  const { code, err } = await outcome(['logs'], { node: ['--import', old] })
  assert.equal(code, 1)
  assert.match(err, /18\.19\.0.*20 or newer/)
})

test('an unknown command lists the known ones', async () => {
  const { code, err } = await outcome(['fly'])
  assert.equal(code, 2)
  assert.match(err, /start.*test.*csr/)
})

async function staying(): Promise<Run & { pid: number }> {
  const run = bootstrap(['logs', 'stay'])
  const pid = await eventually(() => {
    const found = /pid (\d+)/.exec(run.out())?.[1]
    if (found === undefined) throw new Error(run.err())
    return Number(found)
  })
  return { ...run, pid }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} is handed on once, however often it comes, and the exit code comes back`, async () => {
    const run = await staying()
    for (let times = 0; times < 3; times += 1) {
      run.child.kill(signal)
      await eventually(() => assert.match(run.out(), /got/))
    }
    assert.equal(await run.code, 7)
    assert.equal(run.out().split(`got ${signal}`).length - 1, 1)
    assert.equal(identify(run.pid), null)
  })
}

test('the command ends by itself when the bootstrap is killed', async () => {
  const run = await staying()
  run.child.kill('SIGKILL')
  await eventually(() => assert.equal(identify(run.pid), null))
  assert.match(run.out(), /got SIGTERM/)
})

test('the command runs in a process group of its own', async () => {
  const run = await staying()
  const group = Number(readFileSync(`/proc/${run.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2])
  assert.equal(group, run.pid)
})
