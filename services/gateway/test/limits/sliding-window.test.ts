import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { SlidingWindow } from '../../src/limits/sliding-window.ts'

const windowMs = 60_000

test('no window of a minute, wherever it begins, holds more than the limit', () => {
  const pauses = fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 20_000 })), {
    minLength: 50,
    maxLength: 600,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), pauses, (limit, waits) => {
      const window = new SlidingWindow(windowMs)
      const let_in: number[] = []
      let nowMs = 1_000_000
      for (const wait of waits) {
        nowMs += wait
        if (window.take('a', limit, nowMs).room >= 0) let_in.push(nowMs)
      }
      for (const [index, startMs] of let_in.entries()) {
        const inside = let_in.slice(index).filter((atMs) => atMs < startMs + windowMs).length
        assert.ok(inside <= limit, `${inside} of ${limit}`)
      }
    }),
  )
})

test('who keeps to the limit is never refused, and who was refused is let in after the time that was told', () => {
  const window = new SlidingWindow(windowMs)
  for (let nowMs = 0; nowMs < 600_000; nowMs += 660) assert.ok(window.take('calm', 100, nowMs).room >= 0)
  let nowMs = 5_000_000
  for (let count = 0; count < 100; count += 1) window.take('hasty', 100, nowMs + count)
  const refused = window.take('hasty', 100, nowMs + 200)
  assert.equal(refused.room, -1)
  assert.ok(refused.resetMs > 59_000 && refused.resetMs <= 63_000)
  nowMs += 200 + refused.resetMs
  assert.ok(window.take('hasty', 100, nowMs).room >= 0)
})

test('keys do not share, what is given back may be used again, looking counts nothing', () => {
  const window = new SlidingWindow(1_000)
  assert.equal(window.take('a', 2, 0).room, 1)
  assert.equal(window.take('a', 2, 0).room, 0)
  assert.equal(window.take('a', 2, 0).room, -1)
  assert.equal(window.take('b', 2, 0).room, 1)
  window.giveBack('a', 10)
  assert.equal(window.look('a', 2, 20).room, 1)
  assert.equal(window.look('a', 2, 20).room, 1)
  assert.equal(window.take('a', 2, 20).room, 0)
})

test('a flood of keys fills no memory and exempts nobody: those without a place share one count', () => {
  const window = new SlidingWindow(windowMs, 1_000)
  let letIn = 0
  for (let key = 0; key < 100_000; key += 1) if (window.take(`k${key}`, 5, 1_000).room >= 0) letIn += 1
  assert.equal(letIn, 1_000 + 5)
  assert.equal(window.take('k1', 5, 1_000).room, 3)
  assert.equal(window.take('late', 5, 200_000).room, 4)
})

test('a clock that is set back opens nothing', () => {
  const window = new SlidingWindow(windowMs)
  for (let count = 0; count < 10; count += 1) window.take('a', 10, 100_000)
  assert.equal(window.take('a', 10, 20_000).room, -1)
  assert.equal(window.take('a', 10, 120_000).room, -1)
})
