import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@csr/testkit/eventually'
import {
  createDataDirectory,
  dataDirectory,
  holderOf,
  lockDataDirectory,
  type DataDirectory,
} from '../src/data-directory.ts'
import { logFile } from '../src/log-files.ts'
import { identify } from '../src/process-identity.ts'
import { readRegistry, writeRegistry } from '../src/process-registry.ts'
import { Refusal } from '../src/refusal.ts'
import type { Exit } from '../src/supervised-process.ts'
import { Supervisor } from '../src/supervisor.ts'
import { fakeProgram, pidsOf, readJournal } from './fake-program.ts'

const policy = { delaysMs: [0, 30, 60], resetAfterMs: 60_000 }
let directory: DataDirectory
let journal: string
let supervisor: Supervisor | null = null

beforeEach(() => {
  directory = dataDirectory(mkdtempSync(join(tmpdir(), 'csr-supervisor-')))
  createDataDirectory(directory)
  journal = join(directory.path, 'journal')
})

afterEach(async () => {
  await supervisor?.force()
  supervisor = null
  rmSync(directory.path, { recursive: true, force: true })
})

test('what exits is started again with the waits of the policy, and the count goes on while lives are short', async () => {
  const exits: Exit[] = []
  supervisor = new Supervisor({ directory, policy, onExited: (_, exit) => exits.push(exit) })
  await supervisor.open()
  await supervisor.run(fakeProgram('short', journal, { how: 'exits' }))
  await eventually(() => assert.ok(exits.length >= 4))
  assert.deepEqual(
    exits.slice(0, 4).map((exit) => exit.restartInMs),
    [0, 30, 60, 60],
  )
  assert.equal(exits[0]?.code, 7)
})

test('a killed program comes back with a new pid, which is on disk', async () => {
  supervisor = new Supervisor({ directory, policy })
  await supervisor.open()
  await supervisor.run(fakeProgram('one', journal))
  await eventually(() => assert.equal(pidsOf(journal, 'one').length, 1))
  const first = supervisor.pidOf('one') ?? 0
  process.kill(first, 'SIGKILL')
  await eventually(() => assert.equal(pidsOf(journal, 'one').length, 2))
  const second = supervisor.pidOf('one') ?? 0
  assert.notEqual(second, first)
  assert.deepEqual(
    readRegistry(directory.registryFile)?.processes.map(({ name, pid }) => ({ name, pid })),
    [{ name: 'one', pid: second }],
  )
})

test('a program that lives but does not answer is left alone', async () => {
  supervisor = new Supervisor({ directory, policy })
  await supervisor.open()
  await supervisor.run(fakeProgram('silent', journal))
  await supervisor.run(fakeProgram('other', journal))
  await eventually(() => assert.equal(readJournal(journal).length, 2))
  const pid = supervisor.pidOf('silent') ?? 0
  process.kill(pid, 'SIGSTOP')
  process.kill(supervisor.pidOf('other') ?? 0, 'SIGKILL')
  await eventually(() => assert.equal(pidsOf(journal, 'other').length, 2))
  assert.equal(supervisor.pidOf('silent'), pid)
  process.kill(pid, 'SIGCONT')
})

test('programs of one stage that a restart cures are restarted one after the other', async () => {
  const cured: string[] = []
  const startable = Promise.withResolvers<void>()
  const health = { everyMs: 10, patience: [2], wellAfter: 1_000 }
  let broken = false
  let answers = 0
  supervisor = new Supervisor({ directory, policy, health, onCuring: (program) => cured.push(program.name) })
  await supervisor.open()
  for (const name of ['node-1', 'node-2']) {
    const program = fakeProgram(name, journal)
    const isWell = (): boolean => !broken || cured.includes(name)
    await supervisor.run({
      ...program,
      async start(logPath, spawned) {
        if (cured.includes(name)) await startable.promise
        await program.start(logPath, spawned)
      },
      async health() {
        answers += 1
        return isWell() ? { state: 'well' } : { state: 'broken', because: 'told so', curable: true }
      },
    })
  }
  await eventually(() => assert.equal(readJournal(journal).length, 2))
  broken = true
  try {
    await eventually(() => assert.equal(readJournal(journal).filter((line) => line.startsWith('end')).length, 1))
    const before = answers
    await eventually(() => assert.ok(answers >= before + 5))
    assert.equal(cured.length, 1)
  } finally {
    startable.resolve()
  }
  await eventually(() => assert.equal(readJournal(journal).filter((line) => line.startsWith('start')).length, 4))
  assert.deepEqual(cured.toSorted(), ['node-1', 'node-2'])
})

test('stages stop from the highest to the lowest, each after the one before is gone', async () => {
  supervisor = new Supervisor({ directory, policy })
  await supervisor.open()
  for (const [name, stage] of [
    ['server', 0],
    ['service', 1],
    ['door', 2],
  ] as const) {
    await supervisor.run(fakeProgram(name, journal, { stage }))
  }
  await eventually(() => assert.equal(readJournal(journal).length, 3))
  await supervisor.stop()
  assert.deepEqual(readJournal(journal).slice(3), [
    ...['term door', 'end door', 'term service', 'end service', 'term server', 'end server'],
  ])
  assert.equal(existsSync(directory.registryFile), false)
})

test('what does not end when asked is killed when its time is over', async () => {
  supervisor = new Supervisor({ directory, policy })
  await supervisor.open()
  await supervisor.run(fakeProgram('stubborn', journal, { how: 'stubborn', stopLimitMs: 200 }))
  await eventually(() => assert.equal(readJournal(journal).length, 1))
  const pid = supervisor.pidOf('stubborn') ?? 0
  await supervisor.stop()
  assert.equal(identify(pid), null)
  assert.deepEqual(readJournal(journal), ['start stubborn', 'term stubborn'])
})

test('what a program writes lands in its log', async () => {
  supervisor = new Supervisor({ directory, policy })
  await supervisor.open()
  writeFileSync(journal, '')
  await supervisor.run({ ...fakeProgram('broken', join(directory.path, 'no-such-folder', 'journal')) })
  await eventually(() => assert.match(readFileSync(logFile(directory.logsDir, 'broken'), 'utf8'), /no-such-folder/))
})

test('a killed supervisor leaves nothing behind, not even a program that does not notice', async () => {
  const { killed, pids } = await killedSupervisor(['polite', 'deaf=deaf'])
  assert.ok(killed.pid)
  await eventually(() => assert.deepEqual(pids.map(identify), [null, null]), { withinMs: 15_000 })
  await eventually(() => assert.equal(existsSync(directory.registryFile), false), { withinMs: 5_000 })
})

test('the next start ends what a supervisor and its warden left behind', async () => {
  const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { detached: true, stdio: 'ignore' })
  const pid = left.pid ?? 0
  const orphan = identify(pid)
  assert.ok(orphan)
  const gone = { pid: process.pid, startedAt: 'another life of this pid' }
  const processes = [{ ...orphan, name: 'server', stage: 0, stopSignal: 'SIGTERM' as const }]
  writeRegistry(directory.registryFile, { supervisor: gone, processes })
  supervisor = new Supervisor({ directory, policy })
  assert.deepEqual(await supervisor.open(), ['server'])
  assert.equal(identify(pid), null)
})

test('a pid that belongs to somebody else by now is not touched', async () => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { detached: true, stdio: 'ignore' })
  const pid = stranger.pid ?? 0
  const gone = { pid: process.pid, startedAt: 'another life of this pid' }
  const earlier = {
    pid,
    startedAt: 'an earlier holder of this pid',
    name: 'server',
    stage: 0,
    stopSignal: 'SIGTERM' as const,
  }
  writeRegistry(directory.registryFile, { supervisor: gone, processes: [earlier] })
  supervisor = new Supervisor({ directory, policy })
  assert.deepEqual(await supervisor.open(), [])
  assert.notEqual(identify(pid), null)
  stranger.kill('SIGKILL')
  await once(stranger, 'exit')
})

test('a directory in use is refused and names the pid; a lock whose holder died counts for nothing', async () => {
  const { killed, pids } = await killedSupervisor(['one'], (alive) => {
    assert.throws(
      () => lockDataDirectory(directory),
      (error) =>
        error instanceof Refusal && error.message.includes(`process ${alive.pid}`) && /--data-dir/.test(error.message),
    )
  })
  assert.ok(killed.pid)
  await eventually(() => assert.equal(holderOf(directory), null))
  const release = lockDataDirectory(directory)
  assert.equal(holderOf(directory)?.pid, process.pid)
  release()
  assert.equal(holderOf(directory), null)
  await eventually(() => assert.deepEqual(pids.map(identify), [null]), { withinMs: 15_000 })
})

/** Starts a supervisor process, waits until its programs run, and kills it with SIGKILL. */
async function killedSupervisor(
  programs: string[],
  before: (supervisor: ChildProcess) => void = () => {},
): Promise<{ killed: ChildProcess; pids: number[] }> {
  const script = fileURLToPath(new URL('./programs/fake-supervisor.ts', import.meta.url))
  const child = spawn(process.execPath, [script, directory.path, journal, ...programs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const names = programs.map((program) => program.split('=')[0] ?? '')
  await eventually(() => names.forEach((name) => assert.equal(pidsOf(journal, name).length, 1)))
  const pids = names.map((name) => pidsOf(journal, name)[0] ?? 0)
  before(child)
  child.kill('SIGKILL')
  await once(child, 'exit')
  return { killed: child, pids }
}
