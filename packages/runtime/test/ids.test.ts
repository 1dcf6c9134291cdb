import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIds, uuidFloor, uuidTimeMs } from '../src/ids.ts'

const startMs = Date.parse('2026-11-20T10:00:00.000Z')
const frozen = { nowMs: () => startMs, now: () => '2026-11-20T10:00:00.000Z' }

test('ids are UUIDv7, carry their time, and only grow, also within one millisecond', () => {
  const ids = createIds(frozen)
  const made = Array.from({ length: 10_000 }, () => ids.uuid())
  assert.match(made[0] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(uuidTimeMs(made[0] ?? ''), startMs)
  assert.deepEqual(made, made.toSorted())
  assert.equal(new Set(made).size, made.length)
})

test('ids do not go back when the clock does', () => {
  let nowMs = startMs
  const ids = createIds({ nowMs: () => nowMs, now: () => '' })
  const before = ids.uuid()
  nowMs -= 60_000
  assert.ok(ids.uuid() > before)
})

test('the floor of a millisecond stands below every id of it and above every id before it', () => {
  const ids = createIds(frozen)
  assert.ok(uuidFloor(startMs) <= ids.uuid())
  assert.ok(uuidFloor(startMs + 1) > ids.uuid())
})

test('secrets hold as many random bytes as asked for', () => {
  const ids = createIds(frozen)
  assert.equal(Buffer.from(ids.secret(), 'base64url').length, 32)
  assert.equal(Buffer.from(ids.secret(16), 'base64url').length, 16)
  assert.notEqual(ids.secret(), ids.secret())
})
