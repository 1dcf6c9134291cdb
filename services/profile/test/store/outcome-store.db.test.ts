import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { statement } from '@csr/postgres/statement'
import { attachOutcomes, type DecidedOutcome } from '../../src/store/outcome-store.ts'
import { openProfileStore } from '../open-profile-store.ts'

const open = await openProfileStore()
after(() => open[Symbol.asyncDispose]())

const scores = { confidence: 0.8, belonging: null, languageLevel: null, jobReadiness: null, wellBeing: 0.6 }

test('P2: the later decision stands with an activity, in whatever order and batches decisions come', async () => {
  const [activityId, subjectId] = [open.ids.uuid(), open.ids.uuid()]
  const decided = [1, 2, 3].map((hour): DecidedOutcome => ({
    ...{ activityId, subjectId, outcomeId: open.ids.uuid(), reportedBy: open.ids.uuid() },
    reportedAt: `2026-11-20T1${hour}:00:00.000Z`,
    scores: hour === 2 ? null : scores,
  }))
  const [first, second, third] = decided as [DecidedOutcome, DecidedOutcome, DecidedOutcome]
  for (const batches of [
    [[first], [second], [third]],
    [[third], [first, second]],
    [[second, third, first]],
    [[third, third]],
  ]) {
    const tenantId = await open.tenant()
    for (const batch of batches) await open.postgres.group(tenantId, [attachOutcomes(batch)])
    const [rows] = await open.postgres.group(tenantId, [
      statement<{ id: string; scores: unknown }>('select outcome_id as id, scores from profile.activity_outcomes'),
    ])
    assert.deepEqual(rows, [{ id: third.outcomeId, scores }])
  }
})
