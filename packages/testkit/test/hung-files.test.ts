import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

test('a file that blocks, or never lets go of its event loop, is ended and fails; others pass', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-hung-'))
  const write = (name: string, body: string): string => {
    writeFileSync(join(folder, name), `import { test } from 'node:test'\n${body}\n`)
    return join(folder, name)
  }
  const spins = write('spins.test.ts', `test('spins', () => { for (;;) {} })`)
  const stays = write('stays.test.ts', `test('stays', () => { setInterval(() => {}, 1000) })`)
  const fine = write('fine.test.ts', `test('fine', () => {})`)
  const script = fileURLToPath(new URL('./programs/run-files.ts', import.meta.url))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [script, '2000', spins, stays, fine], { env })
  for (const expected of [
    `${spins} has run for 2 s`,
    `${stays} has run for 2 s`,
    `failed ${spins}`,
    `failed ${stays}`,
  ]) {
    assert.ok(stdout.includes(expected), `${expected} is not in:\n${stdout}`)
  }
  assert.ok(stdout.includes('passed fine'), stdout)
  rmSync(folder, { recursive: true })
})
