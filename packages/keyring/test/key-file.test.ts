import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readKeyFile } from '../src/key-file.ts'
import { openFileRootKey } from '../src/root-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'keyring-'))
after(() => rmSync(folder, { recursive: true }))

const good = (): string => randomBytes(32).toString('base64')

function write(content: unknown, mode = 0o600): string {
  const path = join(folder, `${randomUUID()}.json`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  chmodSync(path, mode)
  return path
}

test('a key file gives its keys', () => {
  const file = readKeyFile(write({ current: 'b', keys: { a: good(), b: good() } }, 0o640))
  assert.equal(file.current, 'b')
  assert.equal(file.keys.get('a')?.length, 32)
})

const refused: readonly [string, () => string][] = [
  ['missing', () => join(folder, 'missing.json')],
  ['no JSON', () => write('not json')],
  ['another shape', () => write(['current'])],
  ['null', () => write('null')],
  ['no current key', () => write({ current: 'a', keys: { b: good() } })],
  ['no keys', () => write({ current: 'a', keys: {} })],
  ['a short key', () => write({ current: 'a', keys: { a: randomBytes(31).toString('base64') } })],
  ['a long key', () => write({ current: 'a', keys: { a: randomBytes(33).toString('base64') } })],
  ['a short key beside a good one', () => write({ current: 'a', keys: { a: good(), b: 'c2hvcnQ=' } })],
  ['a key that is no text', () => write({ current: 'a', keys: { a: 32 } })],
  ['a key of zeros', () => write({ current: 'a', keys: { a: Buffer.alloc(32).toString('base64') } })],
  ['a key id that could be a path', () => write({ current: '../a', keys: { '../a': good() } })],
  ['readable by everyone', () => write({ current: 'a', keys: { a: good() } }, 0o644)],
  ['writable by everyone', () => write({ current: 'a', keys: { a: good() } }, 0o602)],
]
for (const [what, path] of refused) {
  test(`a key file is refused: ${what}`, () => {
    assert.throws(() => readKeyFile(path()), { name: 'KeyFileRefused' })
  })
}

test('a refusal names the file and never a key', () => {
  const secret = randomBytes(20).toString('base64')
  assert.throws(
    () => readKeyFile(write({ current: 'a', keys: { a: secret } })),
    (error: Error) => error.message.includes(folder) && !error.message.includes(secret),
  )
})

test('a wrapped tenant key opens for its tenant and version only, also after the root key was rotated', async () => {
  const old = good()
  const secret = randomBytes(32)
  const address = { tenantId: randomUUID(), version: 1 }
  const wrapped = await openFileRootKey(write({ current: 'old', keys: { old } })).wrap(secret, address)
  const rotated = openFileRootKey(write({ current: 'new', keys: { old, new: good() } }))
  assert.deepEqual(await rotated.unwrap(wrapped, address), secret)
  assert.equal((await rotated.wrap(secret, address)).rootKeyId, 'new')
  const broken = { name: 'SealBroken' }
  await assert.rejects(rotated.unwrap(wrapped, { ...address, version: 2 }), broken)
  await assert.rejects(rotated.unwrap(wrapped, { ...address, tenantId: randomUUID() }), broken)
  await assert.rejects(rotated.unwrap({ ...wrapped, rootKeyId: 'new' }, address), broken)
  await assert.rejects(rotated.unwrap({ ...wrapped, rootKeyId: 'gone' }, address), { name: 'KeyringUnavailable' })
})
