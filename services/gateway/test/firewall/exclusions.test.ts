import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { readExclusions, type Exclusions } from '../../src/firewall/exclusions.ts'

const folder = mkdtempSync(`${tmpdir()}/csr-exclusions-`)
after(() => rmSync(folder, { recursive: true }))

let nowMs = Date.parse('2026-11-21T12:00:00Z')
const clock = { nowMs: () => nowMs, now: () => new Date(nowMs).toISOString() }
const route = 'POST /v1/outcomes/scores'
const entry = { route, field: '/text', rule: 'sql-union', until: '2026-12-01', reason: 'course feedback quotes SQL' }

const ended: string[] = []

function read(listed: unknown): Exclusions {
  const file = `${folder}/exclusions.json`
  writeFileSync(file, JSON.stringify(listed))
  return readExclusions(file, {
    clock,
    ruleIds: new Set(['sql-union']),
    expired: ({ until }) => void ended.push(until),
  })
}

test('an exclusion covers one rule in one field of one route, until its day', () => {
  const exclusions = read([entry])
  assert.ok(exclusions.covers(route, '/text', 'sql-union'))
  assert.ok(!exclusions.covers(route, '/text', 'sql-waiting'))
  assert.ok(!exclusions.covers(route, '/other', 'sql-union'))
  assert.ok(!exclusions.covers('POST /v1/safety/screenings', '/text', 'sql-union'))
  nowMs = Date.parse('2026-11-30T23:59:59Z')
  assert.ok(exclusions.covers(route, '/text', 'sql-union'))
  nowMs = Date.parse('2026-12-01T00:00:00Z')
  assert.ok(!exclusions.covers(route, '/text', 'sql-union'))
  nowMs = Date.parse('2026-11-21T12:00:00Z')
})

test('an exclusion without an end, with one that is far away, or of an unknown rule is refused', () => {
  const { until: _, ...unbounded } = entry
  assert.throws(() => read([unbounded]), /until/)
  assert.throws(() => read([{ ...entry, until: 'never' }]), /until/)
  assert.throws(() => read([{ ...entry, until: '2027-11-21' }]), /lasts longer than 90 days/)
  assert.throws(() => read([{ ...entry, rule: 'sql-unoin' }]), /no rule of this name/)
  assert.throws(() => read([{ ...entry, reason: '' }]), /reason/)
  assert.throws(() => read([{ ...entry, field: undefined }]), /field/)
  assert.throws(() => read({}), /is not usable/)
  assert.throws(
    () => readExclusions(`${folder}/none.json`, { clock, ruleIds: new Set(), expired: () => undefined }),
    /ENOENT/,
  )
})

test('an exclusion that has ended does not count, is told of, and no start fails for it', () => {
  const exclusions = read([{ ...entry, until: '2026-11-21' }])
  assert.ok(!exclusions.covers(route, '/text', 'sql-union'))
  assert.deepEqual(ended, ['2026-11-21'])
})
