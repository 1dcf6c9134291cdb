import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

test('small files run side by side, and large ones after them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-beside-'))
  const log = join(folder, 'log')
  writeFileSync(log, '')
  /** A file that says when it runs, and ends when these others have said so too. */
  const write = (name: string, ...others: string[]): string => {
    const file = join(folder, `${name}.test.ts`)
    const body = `
      import { appendFileSync, readFileSync } from 'node:fs'
      import { test } from 'node:test'
      import { setTimeout as delay } from 'node:timers/promises'
      test('${name}', { timeout: 30_000 }, async () => {
        appendFileSync('${log}', '${name}\\n')
        const said = () => readFileSync('${log}', 'utf8').split('\\n')
        while (!${JSON.stringify(others)}.every((other) => said().includes(other))) await delay(5)
      })`
    writeFileSync(file, body)
    return file
  }
  const small = ['small-one', 'small-two', 'small-three', 'small-four']
  const large = ['large-one', 'large-two']
  const files = [...large.map((name) => write(name, ...large)), ...small.map((name) => write(name, ...small))]
  const script = fileURLToPath(new URL('./programs/run-beside.ts', import.meta.url))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...files], { env })
  assert.match(stdout, /^ℹ pass 6$/m)
  const order = readFileSync(log, 'utf8').trim().split('\n')
  assert.deepEqual(order.slice(0, 4).toSorted(), small.toSorted(), order.join(', '))
  rmSync(folder, { recursive: true })
})
