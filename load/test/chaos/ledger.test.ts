import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FaultRow } from '../../chaos/fault.ts'
import { countVerdict, describeLedger, passes, type Ledger } from '../../chaos/ledger.ts'
import type { Finding } from '../../chaos/oracle/evidence.ts'
import { compareDeadLetters } from '../../chaos/oracle/dead-letters.ts'
import { scenarios } from '../../chaos/scenarios/scenarios.ts'

const fault: FaultRow = {
  ...{ fault: 'kill ingest', outcome: 'recovered', atSeconds: 1, heldSeconds: 0, recoverySeconds: 2, reason: null },
}
const ledger: Ledger = {
  ...{ scenario: 'short', seed: 7, folder: null, settledSeconds: 1, lastedSeconds: 60, passed: true },
  requests: { attempted: 3, accepted: 1, refused: 1, unanswered: 1 },
  reports: { told: 1, accepted: 1, effective: 1, lost: 0, duplicated: 0, stuck: 0, deadLettered: 0 },
  ...{ faults: [fault], requirements: [], findings: [] },
}

test('a run passes where nothing was found, every fault was recovered from and every requirement holds', () => {
  const finding: Finding = { verdict: 'lost', report: 'a', detail: 'b' }
  assert.ok(passes(ledger))
  assert.ok(!passes({ ...ledger, findings: [finding] }))
  assert.ok(!passes({ ...ledger, faults: [{ ...fault, outcome: 'not recovered' }] }))
  assert.ok(!passes({ ...ledger, requirements: [{ what: 'x', holds: false, saw: 'y' }] }))
})

test('a fault that could not be caused is shown as not run, with the reason', () => {
  const row: FaultRow = { ...fault, outcome: 'not run', recoverySeconds: null, reason: 'strace is not installed' }
  assert.match(describeLedger({ ...ledger, faults: [row] }), /kill ingest +not run: strace is not installed/)
})

test('the ledger says the seed, each count, each fault with its times, and each finding', () => {
  const finding: Finding = { verdict: 'stuck', report: 'thing-1', detail: 'it waits' }
  const told = describeLedger({ ...ledger, findings: [finding], passed: false })
  for (const part of ['seed 7', 'unanswered 1', 'effective 1', 'kill ingest', 'STUCK: thing-1: it waits', 'FAILED']) {
    assert.ok(told.includes(part), `${part} is not in\n${told}`)
  }
})

test('several findings about one report are one report', () => {
  const about = (report: string | null): Finding => ({ verdict: 'lost', report, detail: 'x' })
  assert.equal(countVerdict([about('a'), about('a'), about('b'), about(null), about(null)], 'lost'), 4)
})

test('dead letters: those asked for once each, and no other', () => {
  const one = {
    service: 'profile',
    consumer: 'profile-on-session-completed',
    eventId: 'a',
    reason: 'undecodable',
  } as const
  const verdicts = (
    letters: Parameters<typeof compareDeadLetters>[0],
    expected: Parameters<typeof compareDeadLetters>[1],
  ) => compareDeadLetters(letters, expected).map(({ verdict }) => verdict)
  assert.deepEqual(verdicts([one], [one]), [])
  assert.deepEqual(verdicts([one], []), ['dead-lettered'])
  assert.deepEqual(verdicts([], [one]), ['lost'])
  assert.deepEqual(verdicts([one, one], [one]), ['duplicated'])
})

test('the command lists every scenario, and refuses what it does not know with exit code 2', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../../chaos.ts', import.meta.url)), ...args], {
      encoding: 'utf8',
    })
  const { scenarios: listed } = JSON.parse(run('--list', '--json').stdout) as { scenarios: { name: string }[] }
  assert.deepEqual(
    listed.map(({ name }) => name),
    [...scenarios.keys(), 'long'],
  )
  for (const args of [['nothing-of-the-kind'], ['--seed', 'x'], ['--unknown']]) {
    const { status, stdout, stderr } = run(...args)
    assert.deepEqual([status, stdout], [2, ''])
    assert.notEqual(stderr, '')
  }
})
