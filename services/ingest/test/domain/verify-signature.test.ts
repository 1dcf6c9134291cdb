import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'node:test'
import { readSecret, verifySignature, type SignedRequest } from '../../src/domain/verify-signature.ts'

// The vector of the Standard Webhooks reference libraries.
const secretText = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const vector: SignedRequest = {
  webhookId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
}
const secret = readSecret(secretText) as Uint8Array
const other = Buffer.alloc(32, 7)
const at = (seconds: number) => ({ seconds, toleranceSeconds: 300 })
const now = at(1_614_265_330)

function signatureOf(key: Uint8Array, request: SignedRequest = vector): string {
  const hmac = createHmac('sha256', key).update(`${request.webhookId}.${request.timestamp}.`).update(request.body)
  return `v1,${hmac.digest('base64')}`
}

test('the published vector of the standard verifies', () => {
  assert.equal(verifySignature(vector, [secret], now), true)
})

test('any of several secrets and any of several signatures is enough', () => {
  assert.equal(verifySignature(vector, [other, secret], now), true)
  const rotated = { ...vector, signature: `${signatureOf(Buffer.alloc(32, 9))} ${signatureOf(other)}` }
  assert.equal(verifySignature(rotated, [secret, other], now), true)
  assert.equal(verifySignature(rotated, [secret], now), false)
})

test('the time may be off by the tolerance in both directions and no further', () => {
  for (const [seconds, valid] of [
    [300, true],
    [-300, true],
    [301, false],
    [-301, false],
  ] as const) {
    assert.equal(verifySignature(vector, [secret], at(1_614_265_330 + seconds)), valid, `${seconds} s`)
  }
})

test('nothing that was signed may differ: id, time, any byte of the body', () => {
  const changes: Partial<SignedRequest>[] = [
    { webhookId: `${vector.webhookId}x` },
    { timestamp: '1614265331' },
    { timestamp: '01614265330' },
    { body: Buffer.from('{"test": 2432232315}') },
    { body: Buffer.from('{"test":2432232314}') },
    { body: Buffer.alloc(0) },
  ]
  for (const change of changes) assert.equal(verifySignature({ ...vector, ...change }, [secret], now), false)
})

test('every flipped bit of the signature is refused', () => {
  const bytes = Buffer.from(vector.signature.slice(3), 'base64')
  for (let bit = 0; bit < 256; bit += 1) {
    const flipped = Buffer.from(bytes)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const signature = `v1,${flipped.toString('base64')}`
    assert.equal(verifySignature({ ...vector, signature }, [secret], now), false)
  }
})

test('other versions are ignored, whatever they hold: no downgrade', () => {
  const digest = vector.signature.slice(3)
  for (const signature of [
    `v0,${digest}`,
    `v1a,${digest}`,
    `V1,${digest}`,
    `,${digest}`,
    digest,
    `v1=${digest}`,
    '',
    'v1,',
    'v2,',
  ]) {
    assert.equal(verifySignature({ ...vector, signature }, [secret], now), false, signature)
  }
  assert.equal(verifySignature({ ...vector, signature: `v0,AAAA v1a,BBBB ${vector.signature}` }, [secret], now), true)
})

test('cut and stretched signatures are refused without an exception', () => {
  for (const signature of [
    'v1,AAAA',
    `v1,${Buffer.alloc(31).toString('base64')}`,
    `v1,${Buffer.alloc(64).toString('base64')}`,
    'v1,***',
  ]) {
    assert.equal(verifySignature({ ...vector, signature }, [secret], now), false)
  }
})

test('headers out of form are refused: ids, times and over-long lists', () => {
  const forms: Partial<SignedRequest>[] = [
    { webhookId: '' },
    { webhookId: 'a b' },
    { webhookId: 'x'.repeat(201) },
    { timestamp: '' },
    { timestamp: '-1614265330' },
    { timestamp: '1614265330.0' },
    { timestamp: '0x60374af2' },
    { timestamp: '9'.repeat(13) },
  ]
  for (const form of forms) {
    const request = { ...vector, ...form }
    assert.equal(verifySignature({ ...request, signature: signatureOf(secret, request) }, [secret], now), false)
  }
  const many = `${'v1,AAAA '.repeat(600)}${vector.signature}`
  assert.equal(verifySignature({ ...vector, signature: many }, [secret], now), false)
})

test('a secret is whsec_ and the Base64 of 24 to 64 bytes', () => {
  assert.equal(secret.length, 24)
  assert.equal(readSecret(`whsec_${Buffer.alloc(64).toString('base64')}`)?.length, 64)
  for (const text of [
    '',
    'whsec_',
    secretText.slice(6),
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    'whsec_****',
  ]) {
    assert.equal(readSecret(text), null)
  }
})
