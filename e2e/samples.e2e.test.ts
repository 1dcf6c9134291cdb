import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTenant } from '@csr/contracts/http/tenants'
import { createEndpoint } from '@csr/contracts/http/ingest'
import { services } from '@csr/contracts/services'
import { partner as partners } from '@csr/contracts/events/ingest'
import { runSamples } from '@csr/stack/samples/run-samples'
import { sampleData } from '@csr/stack/samples/sample-data'
import type { DemoDocument } from '@csr/stack/stack-document'
import { privateStack, type StackMember, type TestStack } from '@csr/testkit/stack'
import { openSuperuser } from './superuser.ts'

const csrFile = fileURLToPath(new URL('../packages/cli/src/csr.ts', import.meta.url))
const run = promisify(execFile)

let stack: TestStack
let first: string
before(async () => {
  stack = await privateStack({ demo: false })
})
after(() => stack?.[Symbol.asyncDispose]())

test('csr samples prints the same when a service is killed in the middle and when it is run again', async () => {
  const killedPid = stack.pidOf('ingest')
  const killed = await csrSamples({ atWebhook: 40, act: () => stack.kill('ingest') })
  await stack.recovered('ingest', killedPid)
  first = killed
  assert.equal((await csrSamples()).trim(), first.trim())
  const { expected } = sampleData()
  const result = JSON.parse(first) as Awaited<ReturnType<typeof runSamples>>['result']
  assert.deepEqual([result.people, result.activities], [expected.people, expected.activities])
  assert.deepEqual(result.deliveries, { accepted: 105, duplicate: 6, quarantined: 6 })
  assert.deepEqual(result.rows, { total: 71, accepted: 58, duplicate: 5, quarantined: 8 })
  assert.deepEqual(result.outcomes.withheld, {
    'language-unsupported': 7,
    'nothing-said': 1,
    'screened-out': 1,
    'too-short': 2,
  })
  assert.equal(result.reviewsOpen, 1)
  assert.equal(result.audit.verified, true)
  const told = new Set(result.profile?.activities.map((activity) => activity.partner))
  assert.deepEqual([...told].toSorted(), ['buddy', 'kintell', 'upskilling'])
})

test('csr samples that is killed itself and started again prints the same', async () => {
  const demo = await newDemo('Cut off')
  const ending = new AbortController()
  const cutOff = runSamples(stack.document.gateway, demo, {
    signal: ending.signal,
    onProgress: (text) => text.startsWith('80 of') && ending.abort(new Error('cut off')),
  })
  await assert.rejects(cutOff, /cut off/)
  assert.deepEqual((await samplesOf(demo)).result, JSON.parse(first))
})

test('P2: killing any service, nats-server or PostgreSQL during the sample job changes nothing in its result', async () => {
  const groups: readonly (readonly StackMember[])[] = [
    ['gateway', 'profile', 'nats'],
    ['ingest', 'q2q', 'audit'],
    ['safety', 'privacy', 'postgres'],
  ]
  assert.deepEqual(groups.flat().toSorted(), [...services, 'nats', 'postgres'].toSorted())
  for (const members of groups) {
    const demo = await newDemo(`Without ${members.join(', ')}`)
    const killedPids = new Map(members.map((member) => [member, stack.pidOf(member)]))
    const toKill = [members.slice(0, 2), members.slice(2)]
    let sentAfter = 0
    const { result } = await samplesOf(demo, (text) => {
      if (!text.endsWith('webhooks')) return
      if (toKill.length === 0) sentAfter += 1
      for (const member of toKill.shift() ?? []) void stack.kill(member)
    })
    for (const [member, pid] of killedPids) await stack.recovered(member, pid)
    assert.ok(
      toKill.length === 0 && sentAfter > 0,
      `${members.join(', ')} were killed, and webhooks accepted after that`,
    )
    assert.deepEqual(result, JSON.parse(first), `with ${members.join(', ')} killed`)
  }
})

test('csr import follows a file to its end, names what is wrong with its rows, and checks it without sending', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-import-'))
  const [sessions] = sampleData().files
  assert.ok(sessions)
  const file = join(folder, sessions.name)
  writeFileSync(file, sessions.content)
  try {
    const { stdout, stderr } = await csr('import', file)
    assert.match(stdout, /^completed_with_errors: 31 rows, 0 accepted, 27 duplicate, 4 quarantined\n {2}row 13: /)
    assert.match(stderr, /^upload 100 %$[^]*^rows 100 %/m)
    const dry = await csr('import', file, '--dry-run', '--json').catch(
      (error: { code: number; stdout: string }) => error,
    )
    assert.equal('code' in dry && dry.code, 1)
    const checked = JSON.parse(dry.stdout) as { schema: string; rows: unknown }
    assert.equal(checked.schema, sessions.schema)
    assert.deepEqual(checked.rows, { total: 31, wellFormed: 27, misshapen: 4 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('P4: nothing of the samples is in plain text in the data folder, the write-ahead log, the stream store or any log', async () => {
  const superuser = await openSuperuser(stack)
  await superuser.unsafe('checkpoint')
  await superuser.end()
  const { document } = stack
  const places = [document.postgres.dataDir, document.nats.storeDir, document.logsDir].filter((place) => place !== null)
  assert.equal(places.length, 3)
  for (const place of places) assert.ok(readdirSync(place).length > 0, `${place} holds something`)
  const texts = sampleData()
    .chains.flat()
    .flatMap(({ body }) => (JSON.parse(body) as { data?: { feedbackText?: string } }).data?.feedbackText ?? [])
    .filter((text) => text.length > 20)
  assert.ok(texts.length >= 60)
  for (const needle of ['@example.org', 'Sample Participant', '22 22 22 22', ...texts.map((text) => text.slice(-24))]) {
    assert.deepEqual(grep(needle, places), [], `${needle} stands in plain text`)
  }
  assert.notDeepEqual(grep('session.completed', places), [], 'the search finds what is there')
})

const csr = (...args: string[]) =>
  run(process.execPath, [csrFile, ...args, '--data-dir', stack.directory.path], { maxBuffer: 16 * 1024 * 1024 })

/** Runs `csr samples --json`, and does something once it says that so many webhooks are sent. */
async function csrSamples(meanwhile?: { atWebhook: number; act: () => Promise<void> }): Promise<string> {
  const args = [csrFile, 'samples', '--json', '--data-dir', stack.directory.path]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  let acted: Promise<void> | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    if (meanwhile && stderr.includes(`${meanwhile.atWebhook} of `)) acted ??= meanwhile.act()
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, stderr)
  if (meanwhile) assert.ok(acted, 'something was done in the middle')
  await acted
  return stdout
}

/** A tenant as the demo tenant is: an endpoint for each partner. */
async function newDemo(name: string): Promise<DemoDocument> {
  const operator = await stack.token({ role: 'platform_admin' })
  const { id: tenantId } = await stack.gateway.call(createTenant, { token: operator, body: { name } })
  const token = await stack.token({ role: 'company_admin', tenantId })
  const made = await Promise.all(
    partners.options.map(async (partner) => {
      const { webhookPath, secret } = await stack.gateway.call(createEndpoint, { token, body: { partner } })
      return [partner, { webhookUrl: `${stack.document.gateway}${webhookPath}`, secret }] as const
    }),
  )
  return { tenantId, partners: Object.fromEntries(made), users: [] }
}

function samplesOf(demo: DemoDocument, onProgress: (text: string) => void = () => {}) {
  return runSamples(stack.document.gateway, demo, { signal: new AbortController().signal, onProgress })
}

/** Files that contain the text, binary ones too. */
function grep(needle: string, places: readonly string[]): string[] {
  try {
    return execFileSync('grep', ['-rlaF', '-e', needle, ...places], { encoding: 'utf8' })
      .trim()
      .split('\n')
  } catch (error) {
    if ((error as { status?: number }).status === 1) return []
    throw error
  }
}
