import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRush } from '../src/rush.ts'

/** Notices a rush every 100 ms between the two times. */
function notice(rush: ReturnType<typeof createRush>, fromMs: number, toMs: number): void {
  for (let atMs = fromMs; atMs <= toMs; atMs += 100) rush.notice(atMs)
}

test('a rush is on from the first notice until a quarter of a second after the last', () => {
  const rush = createRush()
  assert.equal(rush.isOn(0), false)
  notice(rush, 1_000, 3_000)
  assert.deepEqual([rush.isOn(1_000), rush.isOn(3_249), rush.isOn(3_250)], [true, true, false])
})

test('what lasts longer than fifteen seconds is no rush any more, until it has paused', () => {
  const rush = createRush()
  const on: number[] = []
  for (let atMs = 0; atMs <= 60_000; atMs += 100) {
    rush.notice(atMs)
    if (rush.isOn(atMs)) on.push(atMs)
  }
  assert.deepEqual([on.length, on.at(-1)], [150, 14_900])
  rush.notice(60_250)
  assert.equal(rush.isOn(60_250), true)
})
