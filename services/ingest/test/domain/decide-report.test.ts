import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { decideReport, earlierMax, type IncomingReport, type KnownReport } from '../../src/domain/decide-report.ts'

const day = (number: number): string => `2026-11-${String(number).padStart(2, '0')}T00:00:00.000Z`
const incoming = (content: string, reported: number, deliveryId: string): IncomingReport => ({
  content,
  reportedAt: day(reported),
  deliveryId,
})

/** What is known after reports arrive one after the other, and the deliveries that took effect. */
function after(first: IncomingReport, ...others: IncomingReport[]): { known: KnownReport; effective: string[] } {
  let known: KnownReport = { ...first, earlier: [] }
  const effective = [first.deliveryId]
  for (const next of others) {
    const decision = decideReport(known, next)
    if (decision.outcome === 'duplicate') continue
    known = decision.next
    effective.push(next.deliveryId)
  }
  return { known, effective }
}

test('same content is a duplicate of the delivery that brought it first', () => {
  const { known } = after(incoming('a', 1, 'first'), incoming('b', 2, 'second'))
  assert.deepEqual(decideReport(known, incoming('b', 3, 'third')), { outcome: 'duplicate', deliveryId: 'second' })
  assert.deepEqual(decideReport(known, incoming('a', 1, 'third')), { outcome: 'duplicate', deliveryId: 'first' })
})

test('other content is a correction: the later partner time wins, both stay in history', () => {
  const later = after(incoming('a', 1, 'first'), incoming('b', 2, 'second')).known
  assert.deepEqual(later, {
    content: 'b',
    reportedAt: day(2),
    deliveryId: 'second',
    earlier: [{ content: 'a', deliveryId: 'first' }],
  })
  const late = after(incoming('b', 2, 'second'), incoming('a', 1, 'first')).known
  assert.deepEqual(late, later)
})

test('content seen before with a later time is a change of mind, not a copy', () => {
  const { known, effective } = after(incoming('a', 1, 'first'), incoming('b', 2, 'second'), incoming('a', 3, 'third'))
  assert.deepEqual(effective, ['first', 'second', 'third'])
  assert.deepEqual(known, {
    content: 'a',
    reportedAt: day(3),
    deliveryId: 'third',
    earlier: [{ content: 'b', deliveryId: 'second' }],
  })
})

test('whatever the order, the winner is the content with the latest time, and the row stays small', () => {
  const reports = fc.uniqueArray(fc.integer({ min: 1, max: 28 }), { minLength: 2, maxLength: 28 })
  fc.assert(
    fc.property(reports, (days) => {
      const [first, ...others] = days.map((number) => incoming(`content-${number}`, number, `delivery-${number}`))
      if (!first) return
      const { known } = after(first, ...others)
      assert.equal(known.content, `content-${Math.max(...days)}`)
      assert.ok(known.earlier.length <= earlierMax)
      assert.ok(!known.earlier.some((entry) => entry.content === known.content))
    }),
  )
})
