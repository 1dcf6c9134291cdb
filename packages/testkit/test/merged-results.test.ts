import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

test('runs are told as one: every test once, one summary, what failed at its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-runs-'))
  const write = (name: string, body: string): string => {
    writeFileSync(join(folder, name), `import { test } from 'node:test'\n${body}\n`)
    return join(folder, name)
  }
  const good = write('good.test.ts', `test('one', () => {})\ntest('two', () => {})\ntest.skip('three', () => {})`)
  const bad = write('bad.test.ts', `test('four', () => {})\ntest('five', () => { throw new Error('as planned') })`)
  const script = fileURLToPath(new URL('./programs/run-beside.ts', import.meta.url))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [script, good, bad], { env })
  for (const told of ['✔ one', '✔ two', '﹣ three', '✔ four', '✖ five'])
    assert.match(stdout, new RegExp(`^${told}`, 'm'))
  const summary = [...stdout.matchAll(/^ℹ (\w+) ([\d.]+)$/gm)].map(([, word, count]) => [word, Number(count)])
  assert.deepEqual(summary.slice(0, -1), [
    ['tests', 5],
    ['suites', 0],
    ['pass', 3],
    ['fail', 1],
    ['cancelled', 0],
    ['skipped', 1],
    ['todo', 0],
  ])
  assert.equal(summary.at(-1)?.[0], 'duration_ms')
  assert.match(stdout.slice(stdout.indexOf('failing tests')), /five[^]*as planned/)
  rmSync(folder, { recursive: true })
})
