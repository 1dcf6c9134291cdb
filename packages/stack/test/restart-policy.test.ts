import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextRestart, restartPolicy } from '../src/restart-policy.ts'

test('what exits is started at once, then after 1, 2, 4, 8, 16 and 30 seconds, and every 30 from then on', () => {
  const delays: number[] = []
  let exitsInRow = 0
  for (let exit = 0; exit < 9; exit += 1) {
    const next = nextRestart(restartPolicy, exitsInRow, 500)
    delays.push(next.delayMs / 1_000)
    exitsInRow = next.exitsInRow
  }
  assert.deepEqual(delays, [0, 1, 2, 4, 8, 16, 30, 30, 30])
})

test('a life of sixty seconds makes the next exit the first again', () => {
  assert.deepEqual(nextRestart(restartPolicy, 6, 59_999), { delayMs: 30_000, exitsInRow: 7 })
  assert.deepEqual(nextRestart(restartPolicy, 6, 60_000), { delayMs: 0, exitsInRow: 1 })
})
