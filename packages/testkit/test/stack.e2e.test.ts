import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { identify } from '@csr/stack/process-identity'
import { privateStack } from '../src/stack.ts'

test('two stacks at once keep to their own ports and folders, come back after a kill and end without a trace', async () => {
  const stacks = await Promise.all([privateStack(), privateStack()])
  const [first, second] = stacks
  assert.notEqual(first.document.gateway, second.document.gateway)
  assert.notEqual(first.directory.path, second.directory.path)
  assert.match(await first.token({ role: 'company_admin' }), /^ey/)
  const killed = first.pidOf('audit')
  await first.kill('audit')
  await first.recovered('audit', killed)
  assert.notEqual(first.pidOf('audit'), killed)
  const pids = stacks.flatMap(({ document, pid }) => [
    pid,
    document.postgres.pid ?? 0,
    document.nats.pid ?? 0,
    ...Object.values(document.services).map((service) => service.pid ?? 0),
  ])
  assert.deepEqual(await Promise.all(stacks.map((stack) => stack.stop())), [0, 0])
  assert.deepEqual(
    pids.filter((pid) => identify(pid) !== null),
    [],
  )
  await Promise.all(stacks.map((stack) => stack[Symbol.asyncDispose]()))
  for (const { directory } of stacks) assert.equal(existsSync(directory.path), false)
})
