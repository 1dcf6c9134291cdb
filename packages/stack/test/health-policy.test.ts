import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthPolicy, judgeHealth, noHealthRecord, type Health } from '../src/health-policy.ts'

const well: Health = { state: 'well' }
const unclear: Health = { state: 'unclear' }
const full: Health = { state: 'broken', because: 'write error', curable: false }
const room: Health = { state: 'broken', because: 'write error', curable: true }

/** At which of these answers it is restarted. */
function restartsAt(answers: readonly Health[]): number[] {
  let record = noHealthRecord
  return answers.flatMap((answer, index) => {
    const judged = judgeHealth(healthPolicy, record, answer)
    record = judged.record
    return judged.restart ? [index + 1] : []
  })
}

const times = (count: number, answer: Health): Health[] => Array.from({ length: count }, () => answer)
const minutes = (count: number, answer: Health): Health[] => times((count * 60_000) / healthPolicy.everyMs, answer)

test('broken with its cause over for 15 s: restarted; while the cause lasts, never', () => {
  assert.deepEqual(restartsAt(minutes(60, full)), [])
  assert.deepEqual(restartsAt([...minutes(60, full), ...times(2, room)]), [])
  assert.deepEqual(restartsAt([...minutes(60, full), ...times(3, room)]), [723])
})

test('what starts, recovers, elects or is paused is left alone, however long, and interrupts the patience', () => {
  assert.deepEqual(restartsAt(minutes(600, unclear)), [])
  assert.deepEqual(restartsAt([...times(2, room), unclear, ...times(2, room), full, ...times(2, room), well]), [])
})

test('where a restart does not help the next one waits for 1, 5, then 30 minutes', () => {
  const answersBetween = restartsAt(minutes(120, room)).map((at, index, all) => at - (all[index - 1] ?? 0))
  assert.deepEqual(answersBetween, [3, 12, 60, 360, 360, 360])
})

test('ten minutes of being well make the next restart the first again, less do not', () => {
  assert.deepEqual(restartsAt([...times(3, room), ...minutes(10, well), ...times(3, room)]), [3, 126])
  assert.deepEqual(restartsAt([...times(3, room), ...minutes(9, well), ...times(12, room)]), [3, 123])
  assert.deepEqual(
    restartsAt([...times(3, room), ...minutes(9, well), unclear, ...minutes(9, well), ...times(4, room)]),
    [3],
  )
})
