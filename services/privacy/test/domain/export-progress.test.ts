import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinExport, splitExport } from '@csr/contracts/events/export-parts'
import { services } from '@csr/contracts/services'
import { contributedOf, dueOf, isComplete, stateOf } from '../../src/domain/export-progress.ts'

test('an answer is due within one calendar month, and never after 30 days', () => {
  assert.equal(dueOf('2026-01-31T12:00:00.000Z'), '2026-02-27T12:00:00.000Z')
  assert.equal(dueOf('2026-11-20T10:00:00.000Z'), '2026-12-19T10:00:00.000Z')
  assert.equal(dueOf('2026-12-10T10:00:00.000Z'), '2027-01-09T10:00:00.000Z')
})

test('an export is complete when every service has sent all its parts, and not before', () => {
  const all = services.map((service) => ({ service, arrived: 2, parts: 2 }))
  assert.equal(isComplete(all), true)
  assert.equal(isComplete(all.slice(1)), false)
  const [first, ...rest] = all
  assert.ok(first)
  assert.equal(isComplete([{ ...first, arrived: 1 }, ...rest]), false)
  assert.equal(contributedOf([{ ...first, arrived: 1 }, ...rest]).includes(first.service), false)
})

test('a finished export can be downloaded for a day, once', () => {
  const facts = { readyAt: '2026-11-20T10:00:00.000Z', expiresAt: '2026-11-21T10:00:00.000Z', downloadedAt: null }
  assert.equal(
    stateOf({ readyAt: null, expiresAt: null, downloadedAt: null }, '2026-11-20T10:00:00.000Z'),
    'collecting',
  )
  assert.equal(stateOf(facts, '2026-11-21T09:59:59.000Z'), 'ready')
  assert.equal(stateOf(facts, '2026-11-21T10:00:00.000Z'), 'expired')
  assert.equal(
    stateOf({ ...facts, downloadedAt: '2026-11-20T11:00:00.000Z' }, '2026-11-20T12:00:00.000Z'),
    'downloaded',
  )
})

test('what a service holds survives being cut into parts, in any script', () => {
  const held = {
    texts: Array.from({ length: 3_000 }, (_, index) => ({ index, text: 'Я стала впевненіше 😀 \u0000 øæå "' })),
  }
  const parts = splitExport(held)
  assert.ok(parts.length > 1)
  for (const part of parts) assert.ok(Buffer.byteLength(part) <= 60_000)
  assert.deepEqual(joinExport(parts), held)
  assert.deepEqual(joinExport(splitExport({})), {})
})
