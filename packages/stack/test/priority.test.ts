import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { standBackLater } from '../src/priority.ts'

test('what comes behind the answers stands back once it has started, what answers does not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const [behind, answering] = [sleeper(), sleeper()]
  standBackLater('audit', behind)
  standBackLater('ingest', answering)
  assert.equal(getPriority(behind.pid), 0, 'not while it starts')
  t.mock.timers.tick(10_000)
  assert.ok(getPriority(behind.pid) > 0)
  assert.equal(getPriority(answering.pid), 0)
  const group = `/proc/${behind.pid}/autogroup`
  if (existsSync(group)) assert.doesNotMatch(readFileSync(group, 'utf8'), /nice 0\n/)
  for (const { child, exited } of [behind, answering]) {
    child.kill('SIGKILL')
    await exited
  }
})

function sleeper() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
  const exited = once(child, 'exit').then(() => ({ code: null, signal: null }))
  return { child, pid: child.pid ?? 0, exited }
}
