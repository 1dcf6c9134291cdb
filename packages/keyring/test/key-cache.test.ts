import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fakeClock } from '@csr/testkit/fake-clock'
import { createKeyCache, freshMs, keyLifeMs, secretOf } from '../src/key-cache.ts'

const read = (keyId: string, secret = randomBytes(32)) => ({ keyId, version: 1, secret, restricted: false })

function setUp(entriesMax = 10) {
  const clock = fakeClock()
  return { clock, cache: createKeyCache(clock, { entriesMax }) }
}

test('a key is answered from memory for 15 s', () => {
  const { clock, cache } = setUp()
  const cell = cache.put('t', read('k'))
  clock.advanceMs(freshMs - 1)
  assert.equal(cache.fresh('t', 'k'), cell)
  assert.equal(cache.fresh('other', 'k'), undefined)
  clock.advanceMs(1)
  assert.equal(cache.fresh('t', 'k'), undefined)
})

test('a mapping is answered from memory for 15 s, and only while its key is', () => {
  const { clock, cache } = setUp()
  const cell = cache.put('t', read('k'))
  cache.putPerson('t', 'index', cell)
  assert.equal(cache.person('t', 'index'), cell)
  assert.equal(cache.person('other', 'index'), undefined)
  clock.advanceMs(freshMs)
  assert.equal(cache.person('t', 'index'), undefined)
  cache.put('t', read('k'))
  assert.equal(cache.person('t', 'index'), undefined)
  cache.putPerson('t', 'index', cell)
  cache.put('t', { ...read('k'), secret: 'erased' })
  assert.equal(cache.person('t', 'index'), undefined)
})

test('a key is unusable and zeroised 60 s after it was read, unless it was read again', () => {
  const { clock, cache } = setUp()
  const [secret, renewed] = [randomBytes(32), randomBytes(32)]
  const cell = cache.put('t', read('k', secret))
  const other = cache.put('t', read('l', renewed))
  clock.advanceMs(keyLifeMs / 2)
  assert.equal(cache.put('t', read('l', Buffer.from(renewed))), other)
  clock.advanceMs(keyLifeMs / 2 + 1)
  assert.throws(() => secretOf(cell, clock.nowMs()), { name: 'KeyringUnavailable' })
  assert.deepEqual(secret, Buffer.alloc(32))
  assert.equal(secretOf(other, clock.nowMs()).length, 32)
  clock.advanceMs(keyLifeMs)
  const last = other.secret
  cache.sweep()
  assert.deepEqual(last, Buffer.alloc(32))
  assert.throws(() => secretOf(other, clock.nowMs()), { name: 'KeyringUnavailable' })
})

test('beyond the bound the key read longest ago is zeroised, never used as zeros', () => {
  const { clock, cache } = setUp(3)
  const secret = randomBytes(32)
  const first = cache.put('t', read('first', secret))
  for (const keyId of ['a', 'b', 'c']) cache.put('t', read(keyId))
  assert.deepEqual(secret, Buffer.alloc(32))
  assert.equal(cache.fresh('t', 'first'), undefined)
  assert.throws(() => secretOf(first, clock.nowMs()), { name: 'KeyringUnavailable' })
  assert.ok(cache.fresh('t', 'c'))
})

test('a destroyed key stays destroyed, even when a slower answer still brings it', () => {
  const { clock, cache } = setUp()
  const [secret, late] = [randomBytes(32), randomBytes(32)]
  const cell = cache.put('t', read('k', secret))
  cache.put('t', { ...read('k'), secret: 'erased' })
  assert.deepEqual(secret, Buffer.alloc(32))
  cache.put('t', read('k', late))
  assert.ok(cell.erased)
  assert.deepEqual(late, Buffer.alloc(32))
  assert.throws(() => secretOf(cell, clock.nowMs()), { name: 'KeyringUnavailable' })
})

test('everything is zeroised at the end', () => {
  const { cache } = setUp()
  const secret = randomBytes(32)
  cache.put('t', read('k', secret))
  cache.clear()
  assert.deepEqual(secret, Buffer.alloc(32))
})
