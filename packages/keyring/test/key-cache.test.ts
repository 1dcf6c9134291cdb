import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fakeClock } from '@csr/testkit/fake-clock'
import { createPersonCache } from '../src/person-cache.ts'
import { createKeyCache, freshMs, keyLifeMs } from '../src/key-cache.ts'

const read = (keyId: string, secret = randomBytes(32)) => ({ keyId, version: 1, secret, restricted: false })
const zeros = Buffer.alloc(32)
const unavailable = { name: 'KeyringUnavailable' }

function setUp(entriesMax = 10) {
  const clock = fakeClock()
  return { clock, cache: createKeyCache(clock, { entriesMax }), people: createPersonCache(clock, { entriesMax }) }
}

test('a key is answered from memory for 15 s, to its own tenant', () => {
  const { clock, cache } = setUp()
  const secret = randomBytes(32)
  const cell = cache.put('t', read('k', Buffer.from(secret)))
  assert.deepEqual(cache.secretOf(cell), secret)
  clock.advanceMs(freshMs - 1)
  assert.equal(cache.fresh('t', 'k'), cell)
  assert.equal(cache.fresh('other', 'k'), undefined)
  clock.advanceMs(1)
  assert.equal(cache.fresh('t', 'k'), undefined)
})

test('the buffer a key came in is zeroised', () => {
  const secret = randomBytes(32)
  setUp().cache.put('t', read('k', secret))
  assert.deepEqual(secret, zeros)
})

test('a mapping is answered from memory for 15 s, to its own tenant, and only while its key is', () => {
  const { clock, cache, people } = setUp()
  const cell = cache.put('t', read('k'))
  people.put('index', cell)
  assert.equal(people.find('t', 'index'), cell)
  assert.equal(people.find('other', 'index'), undefined)
  clock.advanceMs(freshMs)
  assert.equal(people.find('t', 'index'), undefined)
  cache.put('t', read('k'))
  assert.equal(people.find('t', 'index'), undefined)
  people.put('index', cell)
  assert.equal(people.find('t', 'index'), cell)
  cache.put('t', { ...read('k'), secret: 'erased' })
  assert.equal(people.find('t', 'index'), undefined)
})

test('beyond the bound the mapping read longest ago is forgotten', () => {
  const { cache, people } = setUp(2)
  const cell = cache.put('t', read('k'))
  for (const index of ['first', 'a', 'b']) people.put(index, cell)
  assert.equal(people.find('t', 'first'), undefined)
  assert.equal(people.find('t', 'b'), cell)
})

test('a key is unusable and zeroised 60 s after it was read, unless it was read again', () => {
  const { clock, cache } = setUp()
  const secret = randomBytes(32)
  const [cell, other] = [cache.put('t', read('k')), cache.put('t', read('l'))]
  const held = cell.secret
  clock.advanceMs(keyLifeMs / 2)
  assert.equal(cache.put('t', read('l', Buffer.from(secret))), other)
  clock.advanceMs(keyLifeMs / 2 + 1)
  assert.throws(() => cache.secretOf(cell), unavailable)
  assert.deepEqual(held, zeros)
  assert.deepEqual(cache.secretOf(other), secret)
  const heldByOther = other.secret
  clock.advanceMs(keyLifeMs)
  cache.sweep()
  assert.deepEqual(heldByOther, zeros)
  assert.throws(() => cache.secretOf(other), unavailable)
})

test('beyond the bound the key read longest ago is zeroised, never used as zeros or as another key', () => {
  const { cache } = setUp(3)
  const first = cache.put('t', read('first'))
  const held = first.secret
  for (const keyId of ['a', 'b', 'c']) cache.put('t', read(keyId))
  assert.deepEqual(held, zeros)
  assert.equal(cache.fresh('t', 'first'), undefined)
  cache.put('t', read('d'))
  assert.throws(() => cache.secretOf(first), unavailable)
  assert.ok(cache.fresh('t', 'd'))
})

test('one key id in two tenants is two keys', () => {
  const { cache } = setUp()
  const mine = randomBytes(32)
  const cell = cache.put('t', read('k'))
  const other = cache.put('other', read('k', Buffer.from(mine)))
  assert.notEqual(cell, other)
  assert.deepEqual(cache.secretOf(other), mine)
  assert.throws(() => cache.secretOf(cell), unavailable)
})

test('a destroyed key stays destroyed, even when a slower answer still brings it', () => {
  const { cache } = setUp()
  const cell = cache.put('t', read('k'))
  const held = cell.secret
  cache.put('t', { ...read('k'), secret: 'erased' })
  assert.deepEqual(held, zeros)
  cache.put('t', read('k'))
  assert.ok(cell.erased)
  assert.deepEqual(held, zeros)
  assert.throws(() => cache.secretOf(cell), unavailable)
})

test('everything is zeroised at the end', () => {
  const { cache } = setUp()
  const held = cache.put('t', read('k')).secret
  assert.notDeepEqual(held, zeros)
  cache.clear()
  assert.deepEqual(held, zeros)
})
