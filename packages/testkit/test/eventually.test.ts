import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../src/eventually.ts'
import { fakeClock } from '../src/fake-clock.ts'

test('what holds later is returned, what never holds fails with its last reason', async () => {
  let asked = 0
  const answer = await eventually(() => {
    asked += 1
    if (asked < 3) throw new Error('not yet')
    return 'now'
  })
  assert.equal(answer, 'now')
  await assert.rejects(
    eventually(() => assert.equal(1, 2), { withinMs: 20, what: 'the sum' }),
    /the sum did not hold within 20 ms/,
  )
})

test('a fake clock moves only when it is told to', () => {
  const clock = fakeClock('2026-11-20T10:00:00.000Z')
  clock.advanceMs(1_500)
  assert.equal(clock.now(), '2026-11-20T10:00:01.500Z')
  clock.set('2027-01-01T00:00:00Z')
  assert.equal(clock.nowMs(), Date.parse('2027-01-01T00:00:00.000Z'))
  assert.throws(() => clock.set('yesterday'), TypeError)
})
