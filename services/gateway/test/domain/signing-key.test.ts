import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activeOf, clockBehindMs, stateOf, type SigningKeyTimes } from '../../src/domain/signing-key.ts'

const key = (kid: string, activeFromMs: number | null, changes: Partial<SigningKeyTimes> = {}): SigningKeyTimes => ({
  ...{ kid, publishedAtMs: activeFromMs ?? 0, activeFromMs, retiresAtMs: null, canSign: true },
  ...changes,
})

const [first, second, next] = [key('first', 1_000), key('second', 2_000), key('next', null)]
const spent = { canSign: false }

test('the last key whose time has come signs; before the time of all of them the first that can', () => {
  for (const [keys, nowMs, expected] of [
    [[first, second, next], 2_000, 'second'],
    [[first, second, next], 1_999, 'first'],
    [[first, second, next], 999, 'first'],
    [[second, first], 0, 'first'],
    [[key('first', 1_000, spent), second, key('third', 3_000)], 3_000, 'third'],
    [[key('first', 1_000, spent), second, key('third', 3_000)], 1_500, 'second'],
    [[key('first', 1_000, spent), second, key('third', 3_000)], 0, 'second'],
    [[next], 5_000, null],
    [[key('first', 1_000, spent), next], 5_000, null],
    [[], 0, null],
  ] as const) {
    const found = activeOf(keys, nowMs)?.kid ?? null
    assert.equal(found, expected, `${keys.map(({ kid }) => kid).join()} at ${nowMs}`)
    assert.equal(activeOf(keys.toReversed(), nowMs)?.kid ?? null, expected, 'in any order')
  }
})

test('a clock that was set back is told by how far it stands behind the key that signs', () => {
  assert.equal(clockBehindMs([first, second], 400), 600)
  assert.equal(clockBehindMs([first, second], 1_000), 0)
  assert.equal(clockBehindMs([next], 0), 0)
})

test('one key is active at any time, also before the time of all of them', () => {
  const keys = [key('first', 1_000, { retiresAtMs: 2_500 }), second, next]
  const statesAt = (nowMs: number): string[] => keys.map((one) => stateOf(one, keys, nowMs))
  assert.deepEqual(statesAt(0), ['active', 'next', 'next'])
  assert.deepEqual(statesAt(1_000), ['active', 'next', 'next'])
  assert.deepEqual(statesAt(2_000), ['retiring', 'active', 'next'])
  assert.deepEqual(statesAt(2_500), ['retired', 'active', 'next'])
})
