import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laneOfWebhook, type Allowances } from '../../src/domain/live-allowance.ts'

const perSecond = 10

/** Sends `count` webhooks of a tenant, `everyMs` apart from `startMs` on, and answers their lanes. */
function send(allowances: Allowances, tenant: string, from: { startMs: number; everyMs: number; count: number }) {
  return Array.from({ length: from.count }, (_, index) =>
    laneOfWebhook(allowances, tenant, perSecond, from.startMs + index * from.everyMs),
  )
}

test('whoever stays within the allowance is live for ever', () => {
  const lanes = send(new Map(), 'a', { startMs: 0, everyMs: 100, count: 1_000 })
  assert.deepEqual(new Set(lanes), new Set(['live']))
})

test('a burst of half a second’s worth is live, what comes on top is bulk, and another tenant does not notice', () => {
  const allowances: Allowances = new Map()
  const lanes = send(allowances, 'a', { startMs: 0, everyMs: 0, count: 80 })
  assert.deepEqual([lanes.indexOf('bulk'), lanes.lastIndexOf('live')], [5, 4])
  assert.equal(laneOfWebhook(allowances, 'b', perSecond, 0), 'live')
})

test('an allowance of one a second lets one through', () => {
  const allowances: Allowances = new Map()
  const lanes = [0, 0, 1_000].map((nowMs) => laneOfWebhook(allowances, 'a', 1, nowMs))
  assert.deepEqual(lanes, ['live', 'bulk', 'live'])
})

test('a flood stays on the bulk lane, and its tenant is live again once it has been quiet for a quarter of a second', () => {
  const allowances: Allowances = new Map()
  const lanes = send(allowances, 'a', { startMs: 0, everyMs: 10, count: 3_000 })
  assert.equal(lanes.lastIndexOf('live') + 1, lanes.indexOf('bulk'))
  assert.equal(laneOfWebhook(allowances, 'a', perSecond, 30_100), 'bulk')
  assert.equal(laneOfWebhook(allowances, 'a', perSecond, 30_400), 'live')
})

test('a clock that is set back takes nothing away and gives nothing', () => {
  const allowances: Allowances = new Map()
  send(allowances, 'a', { startMs: 100_000, everyMs: 0, count: 50 })
  assert.equal(laneOfWebhook(allowances, 'a', perSecond, 0), 'bulk')
})

test('tenants that are quiet are forgotten, those that are not stay', () => {
  const allowances: Allowances = new Map()
  for (let tenant = 0; tenant < 10_000; tenant += 1) laneOfWebhook(allowances, `tenant-${tenant}`, perSecond, 0)
  send(allowances, 'busy', { startMs: 1_000, everyMs: 0, count: 50 })
  laneOfWebhook(allowances, 'another', perSecond, 1_000)
  assert.ok(allowances.size < 10)
  assert.equal(laneOfWebhook(allowances, 'busy', perSecond, 1_000), 'bulk')
})
