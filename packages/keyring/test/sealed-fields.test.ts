import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sealedText, type SealedText } from '@csr/contracts/events/envelope'
import * as fc from 'fast-check'
import { keyIdOf, openText, readSeal, sealText, type DataKey, type Place } from '../src/field-cipher.ts'

const key: DataKey = { tenantId: randomUUID(), keyId: randomUUID(), version: 1, secret: randomBytes(32) }
const place: Place = { field: 'profile.profiles.email', row: randomUUID() }
const textOf = (sealed: SealedText): string => sealed as unknown as string
const asSealed = (text: string): SealedText => text as unknown as SealedText
const open = (sealed: SealedText, opened = key, at = place): string => openText(opened, at, readSeal(sealed))

const values = fc.string({ unit: 'grapheme', maxLength: 300 })

test('P4: what is sealed opens again, whatever it says', () => {
  fc.assert(fc.property(values, (value) => assert.equal(open(sealText(key, place, value)), value)))
  const long = 'ø'.repeat(20_000)
  assert.equal(open(sealText(key, place, long)), long)
  for (const value of ['', '\u0000', '\u0080', 'a\u0000\u0000', '\ufeff'])
    assert.equal(open(sealText(key, place, value)), value)
})

test('P4: the stored form is the one of the contracts and shows nothing of the value', () => {
  fc.assert(
    fc.property(values, (value) => {
      const sealed = sealText(key, place, value)
      assert.ok(sealedText.safeParse(sealed).success)
      assert.equal(keyIdOf(sealed), key.keyId)
      const body = Buffer.from(readSeal(sealed).body, 'base64url')
      if (Buffer.byteLength(value) > 3) assert.equal(body.indexOf(value), -1)
    }),
  )
})

test('P4: equal values give different texts, and all values under 64 bytes have one length', () => {
  const bytesOf = (value: string): number => textOf(sealText(key, place, value)).length
  assert.notEqual(textOf(sealText(key, place, 'same')), textOf(sealText(key, place, 'same')))
  const lengths = new Set(Array.from({ length: 64 }, (_, length) => bytesOf('x'.repeat(length))))
  assert.equal(lengths.size, 1)
  assert.ok(bytesOf('x'.repeat(64)) > bytesOf(''))
})

test('no nonce comes twice', () => {
  const nonces = new Set<string>()
  for (let count = 0; count < 5_000; count += 1) {
    nonces.add(Buffer.from(readSeal(sealText(key, place, '')).body, 'base64url').toString('hex', 0, 12))
  }
  assert.equal(nonces.size, 5_000)
})

test('a sealed value opens only with its own key, at its own address', () => {
  const other = fc.string({ minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(
      values,
      other,
      fc.constantFrom('tenantId', 'keyId', 'field', 'row', 'version', 'secret'),
      (value, word, part) => {
        const sealed = sealText(key, place, value)
        const moved: DataKey = {
          ...key,
          ...(part === 'tenantId' && { tenantId: word }),
          ...(part === 'keyId' && { keyId: word }),
          ...(part === 'version' && { version: 2 }),
          ...(part === 'secret' && { secret: randomBytes(32) }),
        }
        const at = { ...place, ...(part === 'field' && { field: word }), ...(part === 'row' && { row: word }) }
        assert.throws(() => open(sealed, moved, at), { name: 'SealBroken' })
      },
    ),
  )
})

test('the parts of an address cannot run into each other', () => {
  const sealed = sealText(key, { field: 'a', row: 'b","c' }, 'value')
  assert.throws(() => open(sealed, key, { field: 'a","b', row: 'c' }), { name: 'SealBroken' })
})

test('a sealed value with any character changed, added or cut does not open', () => {
  const characters = 'ABCabcXYZxyz0189-_.=+/ '.split('')
  fc.assert(
    fc.property(values, fc.nat(), fc.constantFrom(...characters), (value, position, character) => {
      const text = textOf(sealText(key, place, value))
      const at = position % text.length
      const changed = text.slice(0, at) + character + text.slice(at + 1)
      // Another key id is another key: the view of keys refuses it before anything is decrypted.
      const refused = (forged: string): void =>
        assert.throws(
          () => {
            const seal = readSeal(asSealed(forged))
            if (seal.keyId !== key.keyId || seal.version !== key.version)
              throw Object.assign(new Error(), { name: 'SealBroken' })
            openText(key, place, seal)
          },
          { name: 'SealBroken' },
        )
      if (changed !== text) refused(changed)
      refused(text.slice(0, at))
      refused(text.slice(0, at) + character + text.slice(at))
    }),
    { numRuns: 500 },
  )
})

test('a sealed value with any bit flipped does not open', () => {
  const { body } = readSeal(sealText(key, place, 'participant-1@example.org'))
  const bytes = Buffer.from(body, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.throws(() => openText(key, place, { keyId: key.keyId, version: 1, body: flipped.toString('base64url') }), {
      name: 'SealBroken',
    })
  }
})

test('another spelling of the same bytes does not open', () => {
  const { body } = readSeal(sealText(key, place, 'value'))
  const same = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    .split('')
    .map((character) => body.slice(0, -1) + character)
    .filter((other) => other !== body && Buffer.from(other, 'base64url').equals(Buffer.from(body, 'base64url')))
  assert.ok(same.length > 0)
  for (const other of same)
    assert.throws(() => openText(key, place, { keyId: key.keyId, version: 1, body: other }), { name: 'SealBroken' })
})

test('a tag cut to any length does not open', () => {
  const bytes = Buffer.from(readSeal(sealText(key, place, 'value')).body, 'base64url')
  for (let cut = 1; cut <= bytes.length; cut += 1) {
    const body = bytes.subarray(0, bytes.length - cut).toString('base64url')
    assert.throws(() => openText(key, place, { keyId: key.keyId, version: 1, body }), { name: 'SealBroken' })
  }
})

test('text that is no sealed value is refused, never taken for a value', () => {
  for (const text of [
    '',
    'participant-1@example.org',
    's1',
    's2.x.1.abc',
    `s1.${key.keyId}.0.${'A'.repeat(60)}`,
    null,
    undefined,
  ])
    assert.throws(() => readSeal(text as unknown as SealedText), { name: 'SealBroken' })
})
