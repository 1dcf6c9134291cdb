import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const table = readFileSync(`${root}/docs/invariants.md`, 'utf8')
const rows = [...table.matchAll(/^\| (P[1-9])\.\d+ \| (.+) \| `([^`]+)` \|$/gm)]

test('every invariant names a test that exists', () => {
  assert.ok(rows.length >= 100, `read only ${rows.length} rows`)
  const missing = rows.filter(([, id, sentence, file]) => !holds(`${id}: ${sentence}`, file ?? ''))
  assert.deepEqual(
    missing.map(([row]) => row),
    [],
  )
})

test('every promise has invariants, each listed once', () => {
  const promises = new Set(rows.map(([, id]) => id))
  assert.equal(promises.size, 9)
  assert.equal(new Set(rows.map(([row]) => row.slice(0, row.indexOf(' |')))).size, rows.length)
})

function holds(title: string, file: string): boolean {
  return existsSync(`${root}/${file}`) && readFileSync(`${root}/${file}`, 'utf8').includes(`'${title}'`)
}
