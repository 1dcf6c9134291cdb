import { kill, pid } from 'node:process'
import { sourceIdOf, recording, startService } from './rig.ts'

/*
 * A process of its own that runs relay and consumers of `profile`, for tests that kill it. What it does to itself is told
 * by CSR_TEST_FAULT.
 */
const env = process.env
const fault = env['CSR_TEST_FAULT'] ?? ''
const urls = JSON.parse(env['CSR_TEST_URLS'] ?? '{}') as Record<string, string>

process.on('disconnect', () => process.exit(0))

function die(): void {
  kill(pid, 'SIGKILL')
}

/** Spins without taking the processor from others: the event loop is as silent. */
const cell = new Int32Array(new SharedArrayBuffer(4))

const handler = recording((event) => {
  if (sourceIdOf(event) !== 'poison') return
  if (fault === 'exit') process.exit(3)
  if (fault === 'hang') for (;;) Atomics.wait(cell, 0, 0, 1)
})

await startService(
  {
    database: { url: (role) => urls[role] ?? '' },
    nats: { url: env['CSR_TEST_NATS'] ?? '', credentialsFile: () => env['CSR_TEST_CREDENTIALS'] ?? '' },
  },
  env['CSR_TEST_SERVICE'] === 'ingest' ? 'ingest' : 'profile',
  {
    ...(env['CSR_TEST_SERVICE'] !== 'ingest' && { handlers: [handler] }),
    wrap: (postgres) => ({
      ...postgres,
      async group(tenantId, statements, options) {
        const rows = await postgres.group(tenantId, statements, options)
        if (fault === 'after-commit' && statements.some(({ text }) => text.includes('.test_effects'))) die()
        return rows
      },
      async worker(statements, options) {
        if (fault === 'before-mark' && statements.some(({ text }) => text.includes('set epoch'))) die()
        return postgres.worker(statements, options)
      },
    }),
  },
)
