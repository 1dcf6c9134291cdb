import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const logger = fileURLToPath(new URL('../src/logger.ts', import.meta.url))
const lifecycle = fileURLToPath(new URL('../src/lifecycle.ts', import.meta.url))

/** Writes a hundred lines in one turn of the event loop and ends as told; returns the names of the events it logged. */
function eventsOf(ending: string): string[] {
  const script = `
    import { createLogger } from ${JSON.stringify(logger)}
    import { runUntilSignalled } from ${JSON.stringify(lifecycle)}
    const logger = createLogger({ service: 'gateway' })
    const service = { name: 'gateway', start: async () => {}, readiness: () => ({ ready: true, missing: [] }), async [Symbol.asyncDispose]() {} }
    await runUntilSignalled(async () => service, { logger })
    for (let count = 0; count < 100; count += 1) logger.info('told', { count })
    ${ending}`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event)
}

test('no line is lost when a process stops or fails', () => {
  const told = ['started', ...Array.from({ length: 100 }, () => 'told')]
  assert.deepEqual(eventsOf(`process.kill(process.pid, 'SIGTERM')`), [...told, 'stopping', 'stopped'])
  assert.deepEqual(eventsOf(`setImmediate(() => { throw new Error('broken') })`), [...told, 'uncaught-exception'])
})
