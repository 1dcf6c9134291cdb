import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedWithin, someAtATime, withDeadline } from '../src/patience.ts'

const never = new Promise<never>(() => undefined)

test('work that takes longer than its deadline has failed, and what it returns later is dropped', async () => {
  await assert.rejects(withDeadline(5, never), { code: 'handler-too-slow' })
  assert.equal(await withDeadline(1_000, Promise.resolve('done')), 'done')
  await assert.rejects(withDeadline(1_000, Promise.reject(new TypeError('its own'))), TypeError)
})

test('whether work ended in time is told; its error in that time is thrown', async () => {
  assert.equal(await endedWithin(1_000, Promise.resolve()), true)
  assert.equal(await endedWithin(5, never), false)
  await assert.rejects(endedWithin(1_000, Promise.reject(new TypeError('its own'))), TypeError)
})

test('items are worked on a few at a time, and one that hangs does not hold up the rest', async () => {
  const seen: number[] = []
  let most = 0
  let running = 0
  const work = async (item: number): Promise<void> => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(item)
    running -= 1
  }
  await someAtATime(3, [1, 2, 3, 4, 5, 6, 7], work)
  assert.deepEqual([seen.length, most], [7, 3])
})

test('after an error no more is begun, what runs is ended, and the first error is thrown', async () => {
  const begun: number[] = []
  const failing = someAtATime(2, [1, 2, 3, 4, 5], async (item) => {
    begun.push(item)
    await new Promise((resolve) => setImmediate(resolve))
    if (item === 1) throw new RangeError('first')
  })
  await assert.rejects(failing, RangeError)
  assert.ok(begun.length <= 3, `${begun.length} were begun`)
})
