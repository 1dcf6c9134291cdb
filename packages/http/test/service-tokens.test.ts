import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { createIds } from '@csr/runtime/ids'
import { createServiceTokens } from '../src/service-tokens.ts'
import { createTokenVerifier } from '../src/token-verifier.ts'
import { keysOnDisk, rsaPair, standingClock, type KeysOnDisk, setUpKeys } from './keys-on-disk.ts'

let keys: KeysOnDisk
before(async () => void (keys = await keysOnDisk(['gateway'])))
after(() => keys[Symbol.asyncDispose]())

test('tokens are made ahead for every service that may be called, and accepted there', async () => {
  const clock = standingClock()
  const keyFile = keys.keyFile('gateway')
  await using tokens = createServiceTokens({ service: 'gateway', keyFile, clock, ids: createIds(clock) })
  await tokens.start?.()
  for (const service of ['profile', 'ingest', 'audit'] as const) {
    const verifier = createTokenVerifier({ service, publicKeysDir: keys.publicKeysDir, clock, trust: setUpKeys })
    assert.equal(await verifier.verifyService(tokens.tokenFor(service)), 'gateway')
  }
  assert.equal(tokens.tokenFor('profile'), tokens.tokenFor('profile'))
  assert.throws(() => tokens.tokenFor('gateway'), { name: 'UpstreamUnavailable' })
})

test('a token in the second half of its life is replaced before it expires', async () => {
  const clock = standingClock()
  const keyFile = keys.keyFile('gateway')
  await using tokens = createServiceTokens({ service: 'gateway', keyFile, clock, ids: createIds(clock) })
  await tokens.start?.()
  const first = tokens.tokenFor('profile')
  clock.advanceMs(160_000)
  assert.equal(tokens.tokenFor('profile'), first)
  await tokens[Symbol.asyncDispose]()
  assert.notEqual(tokens.tokenFor('profile'), first)
})

test('a missing, public, short or foreign key refuses the start and names the file only', async () => {
  const clock = standingClock()
  const ids = createIds(clock)
  const short = await rsaPair('short-1', 2_048)
  const broken: readonly [string, string | null][] = [
    ['missing', null],
    ['text', 'not json'],
    ['public', JSON.stringify({ ...keys.pair('gateway').publicKey.export({ format: 'jwk' }), kid: 'gateway-1' })],
    ['short', JSON.stringify({ ...short.privateKey.export({ format: 'jwk' }), kid: 'short-1' })],
    ['secret', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0', kid: 'secret-1' })],
  ]
  for (const [name, content] of broken) {
    const keyFile = keys.keyFile(name)
    if (content !== null) await writeFile(keyFile, content)
    const tokens = createServiceTokens({ service: 'gateway', keyFile, clock, ids })
    await assert.rejects(async () => await tokens.start?.(), { name: 'KeyFileRefused' }, name)
  }
})
