import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { services } from '@csr/contracts/services'
import { findStaleFiles } from '../src/generate/stale.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
let copy = ''
before(() => {
  copy = mkdtempSync(join(tmpdir(), 'csr-stale-'))
  const parts = [
    'contracts/generated',
    'contracts/golden',
    '.env.example',
    ...services.map((service) => `services/${service}/README.md`),
  ]
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true })
})
after(() => rmSync(copy, { recursive: true, force: true }))

test('what is committed is what would be generated, and the check saw it', async () => {
  const { count, stale } = await findStaleFiles(copy)
  assert.ok(count >= 40, `saw only ${count} files`)
  assert.deepEqual(stale, [])
})

test('the check bites: a changed, a hand-edited and a left-over file are stale', async () => {
  appendFileSync(join(copy, 'contracts/generated/openapi/merged.json'), ' ')
  appendFileSync(join(copy, '.env.example'), '# by hand\n')
  writeFileSync(join(copy, 'contracts/generated/events/nobody.was.here.v1.schema.json'), '{}')
  const { stale } = await findStaleFiles(copy)
  assert.deepEqual(stale.toSorted(), [
    '.env.example',
    'contracts/generated/events/nobody.was.here.v1.schema.json',
    'contracts/generated/openapi/merged.json',
  ])
})
