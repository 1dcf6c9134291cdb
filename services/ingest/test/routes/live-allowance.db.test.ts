import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => (intake = await openIntake({ livePerSecond: 4 })))
after(async () => await intake[Symbol.asyncDispose]())

const lanesOf = async (tenantId: string): Promise<string[]> => {
  const rows = await intake.admin`
    select lane, topic from ingest.outbox where tenant_id = ${tenantId} and topic like '%session.completed%' order by id`
  for (const { lane, topic } of rows) assert.equal((topic as string).startsWith('bulk.'), lane === 'bulk')
  return rows.map(({ lane }) => lane as string)
}

test('webhooks beyond the allowance are accepted like all others, travel on the bulk lane, and nobody else notices', async () => {
  const [flooding, quiet] = [await intake.tenant(), await intake.tenant()]
  const [flood, calm] = [await intake.endpoint(flooding), await intake.endpoint(quiet)]
  for (let number = 0; number < 9; number += 1) {
    const { status, body } = await intake.post({ endpoint: flood, body: kintellSession({ sessionId: `s-${number}` }) })
    assert.deepEqual([status, body['outcome']], [202, 'accepted'])
  }
  const corrected = { sessionId: 's-0', durationMinutes: 61 }
  const late = { timestamp: '2026-11-20T10:15:00.000Z' }
  assert.equal((await intake.post({ endpoint: flood, body: kintellSession(corrected, late) })).status, 202)
  assert.equal((await intake.post({ endpoint: calm, body: kintellSession() })).status, 202)
  assert.deepEqual(await lanesOf(flooding), [...Array(2).fill('live'), ...Array(8).fill('bulk')])
  assert.deepEqual(await lanesOf(quiet), ['live'])

  intake.clock.advanceMs(10_000)
  assert.equal((await intake.post({ endpoint: flood, body: kintellSession({ sessionId: 's-new' }) })).status, 202)
  assert.equal((await lanesOf(flooding)).at(-1), 'live')
})
