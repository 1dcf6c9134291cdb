import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import { testSecrets } from '@csr/testkit/secrets'
import * as fc from 'fast-check'
import { blindIndexesOf, normaliseEmail } from '../src/blind-index.ts'
import { openIndexKey, toUuid, type IndexKey } from '../src/index-key.ts'

let indexKey: IndexKey
before(async () => {
  indexKey = openIndexKey((await testSecrets()).indexKeyFile)
})

const tenantId = randomUUID()

test('spellings of one e-mail address are one person, other addresses are not', () => {
  const hash = indexKey.blindIndex(tenantId)
  const index = (email: string): string | null => blindIndexesOf(hash, { email }).email
  const one = index('josé@example.org')
  for (const email of [
    ' josé@example.org\n',
    'JOSÉ@Example.ORG',
    'jose\u0301@example.org',
    'JOSE\u0301@EXAMPLE.ORG',
    '\ufeffjosé@example.org',
  ])
    assert.equal(index(email), one)
  for (const email of ['jose@example.org', 'jos.é@example.org', 'josé+1@example.org', 'josé@example.com'])
    assert.notEqual(index(email), one)
})

test('normalising twice changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (email) =>
      assert.equal(normaliseEmail(normaliseEmail(email)), normaliseEmail(email)),
    ),
  )
})

test('P6: one e-mail address has unrelated blind indexes in two tenants', () => {
  fc.assert(
    fc.property(fc.emailAddress(), fc.uuid(), fc.uuid(), (email, one, other) => {
      fc.pre(one !== other)
      const indexIn = (tenant: string) => blindIndexesOf(indexKey.blindIndex(tenant), { email }).email
      assert.notEqual(indexIn(one), indexIn(other))
    }),
  )
})

test('an external id counts per partner and never equals an e-mail address', () => {
  const hash = indexKey.blindIndex(tenantId)
  const kintell = blindIndexesOf(hash, { email: 'a@example.org', partner: 'kintell', externalId: 'a@example.org' })
  const buddy = blindIndexesOf(hash, { email: null, partner: 'buddy', externalId: 'a@example.org' })
  assert.notEqual(kintell.external, buddy.external)
  assert.notEqual(kintell.external, kintell.email)
  assert.equal(buddy.email, null)
})

test('a person without any identifier is refused, as is an external id without a partner', () => {
  const hash = indexKey.blindIndex(tenantId)
  assert.throws(() => blindIndexesOf(hash, { email: null }), TypeError)
  assert.throws(() => blindIndexesOf(hash, { email: '  ' }), TypeError)
  assert.throws(() => blindIndexesOf(hash, { email: null, partner: 'buddy', externalId: '' }), TypeError)
  assert.throws(() => blindIndexesOf(hash, { email: null, externalId: 'x' }), TypeError)
})

test('fingerprints differ by tenant, purpose and parts, and parts do not run into each other', () => {
  const print = (tenant: string, purpose: string, ...parts: (string | Uint8Array)[]) =>
    indexKey.fingerprint(tenant, purpose)(parts).toString('hex')
  const one = print(tenantId, 'body', 'ab', 'c')
  assert.equal(print(tenantId, 'body', 'ab', 'c'), one)
  assert.equal(print(tenantId, 'body', Buffer.from('ab'), 'c'), one)
  for (const other of [
    print(randomUUID(), 'body', 'ab', 'c'),
    print(tenantId, 'file', 'ab', 'c'),
    print(tenantId, 'body', 'a', 'bc'),
    print(tenantId, 'body', 'abc'),
    print(tenantId, 'body', 'ab', 'c', ''),
    indexKey.blindIndex(tenantId)(['ab', 'c']).toString('hex'),
  ])
    assert.notEqual(other, one)
})

test('a fingerprint has the shape of a UUIDv8', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) =>
      assert.match(toUuid(Buffer.from(hash)), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    ),
  )
})
