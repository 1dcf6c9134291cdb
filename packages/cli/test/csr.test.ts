import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCsr } from './run-csr.ts'

const commands = [
  'doctor',
  'token',
  'tenants',
  'partners',
  'webhook',
  'samples',
  'import',
  'audit',
  'streams',
  'outbox',
  'dlq',
  'parked',
  'waf',
  'keys',
  'migrate',
]
let nowhere: string

before(() => {
  nowhere = mkdtempSync(join(tmpdir(), 'csr-cli-'))
})

after(() => rmSync(nowhere, { recursive: true }))

test('csr lists its commands, and each has help with examples on stdout', async () => {
  const overview = await runCsr(['--help'])
  assert.equal(overview.code, 0)
  await everyOne(commands, async (command) => {
    assert.match(overview.stdout, new RegExp(`^ {2}${command} `, 'm'))
    const { code, stdout, stderr } = await runCsr([command, '--help'])
    assert.equal(code, 0, command)
    assert.match(stdout, /Examples:\n {2}csr /, command)
    assert.equal(stderr, '', command)
  })
})

test('without a running stack a command ends with code 3, says so on stderr and nothing on stdout', async () => {
  const calls = [
    ['doctor'],
    ['token', '--role', 'company_admin'],
    ['tenants', 'list', '--json'],
    ['keys', 'status'],
    ['keys', 'rotate', '--signing'],
    ['partners', 'add', 'kintell'],
    ['webhook', 'sign', '--partner', 'kintell', '--file', '-'],
    ['samples', '--json'],
    ['import', import.meta.filename],
    ['streams', 'status'],
    ['outbox', 'status', '--json'],
    ['outbox', 'replay', '--since', '2h', '--dry-run'],
    ['dlq', 'list', '--json'],
    ['dlq', 'replay', '01940000-0000-7000-8000-000000000001'],
    ['parked', 'list'],
    ['waf', 'explain', import.meta.filename],
    ['migrate', 'status'],
  ]
  await everyOne(calls, async (call) => {
    const { code, stdout, stderr } = await runCsr(call, { CSR_DATA_DIR: nowhere })
    assert.equal(code, 3, call.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, /No stack runs here: .*--data-dir/)
  })
})

test('a call that cannot be meant ends with code 2 and nothing on stdout', async () => {
  const calls = [
    [],
    ['no-such-command'],
    ['token'],
    ['token', '--role', 'king'],
    ['token', '--role', 'auditor', '--claims', 'no json'],
    ['token', '--role', 'auditor', '--claims', '[1]'],
    ['partners', 'add', 'stranger'],
    ['webhook', 'send', '--partner', 'kintell'],
    ['webhook', 'send', '--partner', 'kintell', '--file', 'no-such-file.json'],
    ['import'],
    ['import', 'no-such-file.csv'],
    ['import', import.meta.filename, '--schema', 'no.such@1.0'],
    ['streams', 'no-such-verb'],
    ['streams', 'plan', '--replicas', '2'],
    ['outbox', 'status', '--service', 'stranger'],
    ['outbox', 'replay', '--since', 'yesterday'],
    ['outbox', 'replay', '--type', 'everything'],
    ['dlq', 'list', '--state', 'lost'],
    ['dlq', 'list', '--since', 'yesterday'],
    ['dlq', 'replay'],
    ['dlq', 'replay', '01940000-0000-7000-8000-000000000001', '--code', 'TypeError'],
    ['dlq', 'discard', '01940000-0000-7000-8000-000000000001'],
    ['parked', 'release', 'nobody-on-anything', '01940000-0000-7000-8000-000000000001'],
  ]
  await everyOne(calls, async (call) => {
    const { code, stdout, stderr } = await runCsr(call, { CSR_DATA_DIR: nowhere })
    assert.equal(code, 2, call.join(' '))
    assert.equal(stdout, '')
    assert.notEqual(stderr, '')
  })
})

/** A few at a time: each call is a process. */
async function everyOne<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += 4) await Promise.all(items.slice(at, at + 4).map(work))
}
