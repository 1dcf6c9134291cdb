import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextOf } from '../../src/domain/bulk-replay.ts'

const group = { waiting: 100, running: 0, effective: 0, failed: 0 }

test('one entry of a group goes first, and nothing follows before it is answered', () => {
  assert.deepEqual(nextOf(group), { do: 'send', count: 1 })
  assert.deepEqual(nextOf({ ...group, running: 1 }), { do: 'wait' })
})

test('once one is effective the others follow, so many at a time', () => {
  assert.deepEqual(nextOf({ ...group, effective: 1 }), { do: 'send', count: 50 })
  assert.deepEqual(nextOf({ ...group, effective: 1, running: 45 }), { do: 'send', count: 5 })
  assert.deepEqual(nextOf({ ...group, effective: 1, running: 50 }), { do: 'wait' })
  assert.deepEqual(nextOf({ ...group, effective: 1, waiting: 3 }), { do: 'send', count: 3 })
})

test('the first that fails again ends it, however many were effective', () => {
  assert.deepEqual(nextOf({ ...group, failed: 1 }), { do: 'skip' })
  assert.deepEqual(nextOf({ ...group, effective: 40, running: 3, failed: 1 }), { do: 'skip' })
  assert.deepEqual(nextOf({ ...group, waiting: 0, failed: 1 }), { do: 'wait' })
})
