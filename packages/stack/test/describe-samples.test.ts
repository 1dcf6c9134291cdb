import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { describeSamples } from '../src/describe-samples.ts'
import type { SampleReport } from '../src/samples/sample-result.ts'

const scores = { confidence: 0.81, belonging: null, languageLevel: null, jobReadiness: null, wellBeing: 0.4 }
const activity = {
  kind: 'session.completed',
  partner: 'kintell',
  role: 'participant',
  occurredAt: '2026-02-02T17:00:00.000Z',
}
const report: SampleReport = {
  result: {
    deliveries: { accepted: 105, duplicate: 6, quarantined: 4 },
    rows: { total: 10, accepted: 7, duplicate: 2, quarantined: 1 },
    people: 52,
    activities: 248,
    activitiesByKind: {},
    outcomes: { scored: 67, withheld: { 'too-short': 2 } },
    meanScores: scores,
    reviewsOpen: 1,
    profile: {
      name: 'Sample Participant 01',
      email: 'sample-participant-01@example.org',
      programmes: ['Language evenings'],
      activities: [
        { ...activity, outcome: null },
        { ...activity, outcome: { withheld: 'too-short' } },
        { ...activity, outcome: { scores, evidence: [{ label: 'confidenceIncrease', text: 'feel more confident' }] } },
      ],
    },
    audit: { verified: true },
  },
  audit: { verified: true, size: 640, root: 'ab'.repeat(32) },
}

test('the summary tells of deliveries, rows, scores, a profile with its evidence, and the log; without colours where none are asked for', () => {
  const text = describeSamples(report, false)
  assert.ok(!text.includes('\u001b'))
  assert.match(text, /Webhooks +105 +6 +4\n/)
  assert.match(text, /Rows of files +7 +2 +1\n/)
  assert.match(text, /52 people, 248 activities, 67 texts scored, 2 withheld; 1 text waits for a person/)
  assert.match(text, /confidence +█{10}░░ {2}0\.81/)
  assert.match(text, /belonging +·+ {2}not said/)
  assert.match(text, /“feel more confident”/)
  assert.match(text, /not scored: too-short/)
  assert.match(text, /✓ verified, 640 records\n.*(ab){32}/)
  assert.ok(text.split('\n').every((line) => line.length <= 100))
})

test('colours are there where asked for, and change no word', () => {
  const coloured = describeSamples(report, true)
  assert.ok(coloured.includes('\u001b['))
  assert.equal(stripVTControlCharacters(coloured), describeSamples(report, false))
})
