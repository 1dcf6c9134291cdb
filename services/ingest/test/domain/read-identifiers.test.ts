import assert from 'node:assert/strict'
import test from 'node:test'
import { readIdentifiers } from '../../src/domain/read-identifiers.ts'

test('addresses are found wherever they stand as a whole value, each once', () => {
  const body = {
    a: [' Participant-1@Example.org', { b: 'participant-1@example.org' }],
    c: { d: 'volunteer-1@example.org' },
  }
  assert.deepEqual(
    readIdentifiers(body)
      .map(({ email }) => email)
      .toSorted(),
    ['participant-1@example.org', 'volunteer-1@example.org'],
  )
})

test('an external id goes with the address beside it; beside two it stands alone', () => {
  const email = 'participant-1@example.org'
  assert.deepEqual(readIdentifiers({ user: { email, external_id: 'x-1' } }), [{ email, externalId: 'x-1' }])
  assert.deepEqual(readIdentifiers([{ externalId: 'x-1' }]), [{ email: null, externalId: 'x-1' }])
  assert.deepEqual(readIdentifiers({ email, other: 'volunteer-1@example.org', externalId: 'x-1' }), [
    { email, externalId: null },
    { email: 'volunteer-1@example.org', externalId: null },
    { email: null, externalId: 'x-1' },
  ])
})

test('text that only mentions an address, and values of any other kind, give nothing', () => {
  for (const body of [
    'write to participant-1@example.org please',
    'a@b',
    1,
    null,
    true,
    [],
    {},
    'a\0@example.org',
    '\ud800@example.org',
  ]) {
    assert.deepEqual(readIdentifiers(body), [])
  }
})

test('a body of thousands of addresses and any depth is bounded work', () => {
  const many = Array.from({ length: 5_000 }, (_, number) => `participant-${number}@example.org`)
  assert.equal(readIdentifiers(many).length, 200)
  let deep: unknown = 'participant-1@example.org'
  for (let level = 0; level < 100_000; level += 1) deep = [deep]
  assert.deepEqual(readIdentifiers(deep), [{ email: 'participant-1@example.org', externalId: null }])
})
