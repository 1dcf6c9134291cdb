import assert from 'node:assert/strict'
import test from 'node:test'
import { noteRefusal, oneByOneMax, takeFinished, type RefusalCounts } from '../../src/domain/count-refusals.ts'

const unknown = { tenantId: 'platform', endpointId: null, partner: 'kintell', reason: 'signature-invalid' } as const
const known = { ...unknown, tenantId: 'one', endpointId: 'endpoint-1' }
const minuteMs = 60_000

test('ten of a source and minute are recorded, the rest is counted; sources do not share', () => {
  const counts: RefusalCounts = new Map()
  const notes = Array.from({ length: 25 }, () => noteRefusal(counts, unknown, 0))
  assert.equal(notes.filter((note) => note === 'record').length, oneByOneMax)
  assert.equal(noteRefusal(counts, known, 0), 'record')
  assert.deepEqual(takeFinished(counts, minuteMs - 1), [])
  assert.deepEqual(takeFinished(counts, minuteMs), [{ ...unknown, count: 15 }])
  assert.deepEqual(takeFinished(counts, minuteMs), [])
})

test('a minute that was not taken out in time is not forgotten, and nothing counts twice', () => {
  const counts: RefusalCounts = new Map()
  let recorded = 0
  for (let minute = 0; minute < 5; minute += 1) {
    for (let number = 0; number < 30; number += 1) {
      if (noteRefusal(counts, unknown, minute * minuteMs) === 'record') recorded += 1
    }
  }
  const finished = takeFinished(counts, 4 * minuteMs, true)
  assert.equal(recorded + finished.reduce((sum, { count }) => sum + count, 0), 150)
})
