import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { findNatsServer, installNatsServer } from '../src/install/nats-server.ts'

let folder: string
const environment = { PATH: process.env['PATH'], CSR_NATS_SERVER: process.env['CSR_NATS_SERVER'] }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csr-install-'))
  delete process.env['CSR_NATS_SERVER']
})
afterEach(() => {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  rmSync(folder, { recursive: true })
})

function program(path: string, script: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

const nowhereElse = () => ({ caches: [join(folder, 'cache')], places: [] })
const cached = () => join(folder, 'cache', 'nats-server', `${process.platform}-${process.arch}`, 'nats-server')

test('a program in the cache is taken when it is new enough, and not when it is old', async () => {
  const path = program(cached(), 'echo "nats-server: v2.15.1"')
  assert.equal(await installNatsServer(nowhereElse()), path)
  program(cached(), 'echo "nats-server: v2.9.10"')
  assert.equal(findNatsServer(nowhereElse()), null)
  program(cached(), 'echo "nats-server: v3.0.0"')
  assert.equal(findNatsServer(nowhereElse()), path)
})

test('a program that does not run on this system does not count', () => {
  program(cached(), 'exit 1')
  assert.equal(findNatsServer(nowhereElse()), null)
})

test('a program named by hand is taken as it is, or refused when it is too old', async () => {
  process.env['CSR_NATS_SERVER'] = program(join(folder, 'own'), 'echo "nats-server: v2.14.0"')
  assert.equal(await installNatsServer(), join(folder, 'own'))
  program(join(folder, 'own'), 'echo "nats-server: v2.13.9"')
  await assert.rejects(installNatsServer(), { code: 'binary-missing', message: /CSR_NATS_SERVER.*2\.14/ })
})

test('without a network the refusal says what apt said and how to get the program by hand', async () => {
  process.env['PATH'] = join(folder, 'bin')
  program(join(folder, 'bin/apt-get'), fakeApt)
  await assert.rejects(installNatsServer(nowhereElse()), (error: Error) => {
    assert.match(error.message, /could not be fetched/)
    for (const way of [/Homebrew/, /CSR_NATS_SERVER/, /NATS_URL/, /checksum/]) assert.match(error.message, way)
    return true
  })
  assert.deepEqual(readdirSync(join(folder, 'cache/nats-server')), [], 'nothing half fetched is left')
})

const fakeApt = `case "$*" in
  *--print-uris*) echo "'http://mirror.example.org/debian/dists/bookworm/InRelease' a 0" ;;
  *) echo "E: Could not resolve 'mirror.example.org'" >&2; exit 100 ;;
esac`

test('without a cache that can be written the refusal names the folders', async () => {
  writeFileSync(join(folder, 'file'), '')
  const caches = [join(folder, 'file/cache')]
  await assert.rejects(installNatsServer({ caches, places: [] }), { code: 'not-permitted', message: /file\/cache/ })
  assert.equal(existsSync(caches[0] ?? ''), false)
})
