import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { platformTenantId, services } from '@csr/contracts/services'
import type { StackDocument } from '@csr/stack/stack-document'
import { eventually } from '@csr/testkit/eventually'
import { sign } from '@csr/testkit/webhooks'
import postgres from 'postgres'
import { startStack, type StartedStack } from './started-stack.ts'

const csrFile = fileURLToPath(new URL('../csr', import.meta.url))
let dataDir: string
let stack: StartedStack
let document: StackDocument

before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'csr-e2e-'))
  stack = await startStack({ dataDir, demo: false })
  document = await stack.ready()
})

after(async () => {
  stack.kill('SIGTERM')
  await stack.exited()
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

test('doctor finds everything of a fresh stack as it should be', async () => {
  const { code, stdout } = await csr('doctor', '--json')
  const { findings } = JSON.parse(stdout) as { findings: { check: string; ok: boolean; detail: string }[] }
  assert.deepEqual(
    findings.filter(({ ok }) => !ok),
    [],
  )
  assert.equal(code, 0)
  assert.ok(findings.length >= services.length + 6)
})

test('doctor names what does not answer and ends with code 1', async () => {
  const pid = document.services.safety?.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  const { code, stdout, stderr } = await csr('doctor')
  process.kill(pid, 'SIGCONT')
  assert.equal(code, 1)
  assert.match(stdout, /^safety +FAILED +does not answer$/m)
  assert.match(stderr, /Found wanting: safety/)
})

test('token prints a token alone, and the gateway accepts it', async () => {
  const { stdout } = await csr('token', '--role', 'company_admin')
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const answer = await fetch(`${document.gateway}/v1/me`, { headers: { authorization: `Bearer ${stdout.trim()}` } })
  const me = (await answer.json()) as { tenantId: string; roles: string[] }
  assert.deepEqual([answer.status, me.tenantId, me.roles], [200, document.demo?.tenantId, ['company_admin']])
})

test('a token with the members that were asked for is refused where they are wrong', async () => {
  for (const [option, members] of [
    ['--claims', '{"exp":null}'],
    ['--claims', '{"aud":"elsewhere"}'],
    ['--header', '{"typ":"JWT"}'],
  ] as const) {
    const { stdout } = await csr('token', '--role', 'company_admin', option, members)
    const answer = await fetch(`${document.gateway}/v1/me`, { headers: { authorization: `Bearer ${stdout.trim()}` } })
    assert.equal(answer.status, 401, members)
  }
})

test('waf explain says what the door does with a text, and it does so', async () => {
  const file = join(dataDir, 'body.json')
  writeFileSync(file, JSON.stringify({ text: '%27 UNION SELECT password FROM accounts --' }))
  const explained = await csr('waf', 'explain', file, '--route', 'POST', '/v1/outcomes/scores')
  assert.equal(explained.code, 0, explained.stderr)
  assert.match(explained.stdout, /^is refused/)
  assert.match(explained.stdout, /\+5 sql-union: "' UNION SELECT"/)
  const token = (await csr('token', '--role', 'company_admin')).stdout.trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const post = async (text: string): Promise<number> => {
    const url = `${document.gateway}/v1/outcomes/scores`
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ text }) })).status
  }
  assert.equal(await post('%27 UNION SELECT password FROM accounts --'), 403)
  assert.equal(await post("O'Brien learned SELECT * FROM people, and it's fun"), 200)
  writeFileSync(file, "Patrick O'Brien: I'm happy here.")
  const passing = JSON.parse((await csr('waf', 'explain', file, '--json')).stdout) as { decision: string }
  assert.equal(passing.decision, 'pass')
  assert.equal((await csr('waf', 'explain', file, '--route', 'POST')).code, 2)
  assert.equal((await csr('waf', 'explain', file, '--route', 'POST', '/v1/nowhere')).code, 1)
})

test('a tenant is added and listed, with an endpoint of its own that takes a webhook', async () => {
  const tenant = (await csr('tenants', 'add', 'Example company')).stdout.trim()
  const { items } = JSON.parse((await csr('tenants', 'list', '--json')).stdout) as { items: { id: string }[] }
  assert.ok(items.some(({ id }) => id === tenant))

  const added = await csr('partners', 'add', 'kintell', '--tenant', tenant, '--programme', 'Evenings', '--json')
  const endpoint = JSON.parse(added.stdout) as { id: string; webhookUrl: string; secret: string }
  const listed = await csr('partners', 'list', '--tenant', tenant)
  assert.match(listed.stdout, new RegExp(`^${endpoint.id} +kintell +Evenings `, 'm'))
  assert.ok(!listed.stdout.includes(endpoint.secret))

  const file = join(dataDir, 'session.json')
  writeFileSync(file, session)
  const send = ['webhook', 'send', '--partner', 'kintell', '--file', file, '--url', endpoint.webhookUrl]
  process.env['CSR_WEBHOOK_SECRET'] = endpoint.secret
  assert.equal((JSON.parse((await csr(...send, '--id', 'msg_1')).stdout) as { outcome: string }).outcome, 'accepted')
  assert.equal((JSON.parse((await csr(...send, '--id', 'msg_1')).stdout) as { outcome: string }).outcome, 'duplicate')
  process.env['CSR_WEBHOOK_SECRET'] = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  assert.equal((await csr(...send)).code, 1)
  delete process.env['CSR_WEBHOOK_SECRET']
})

test('P5: a tenant is made, suspended, resumed and closed from the command line; its keys go, its log stays', async () => {
  const added = await csr('tenants', 'add', 'Leaving company', '--invite', 'admin@example.org', '--json')
  const { id, invitation } = JSON.parse(added.stdout) as { id: string; invitation: { token: string } }
  assert.match(invitation.token, /^[\w-]{43}$/)
  const endpoint = JSON.parse((await csr('partners', 'add', 'kintell', '--tenant', id, '--json')).stdout) as Endpoint
  const token = (await csr('token', '--role', 'company_admin', '--tenant', id)).stdout.trim()
  const codeOf = async (path: string): Promise<string> => {
    const answer = await fetch(document.gateway + path, { headers: { authorization: `Bearer ${token}` } })
    return `${answer.status} ${String(((await answer.json()) as { type?: string }).type)}`
  }
  const webhook = async (): Promise<Response> => {
    const headers = sign({
      secret: endpoint.secret,
      id: 'msg_1',
      timestamp: Math.floor(Date.now() / 1_000),
      body: session,
    })
    return await fetch(endpoint.webhookUrl, { method: 'POST', headers, body: session })
  }
  assert.equal((await webhook()).status, 202)

  const suspend = ['tenants', 'suspend', id, '--reason', 'requested']
  assert.match((await csr(...suspend)).stderr, /say --yes/)
  assert.equal((await csr(...suspend, '--yes')).code, 0)
  for (const path of ['/v1/me', '/v1/profiles', '/v1/imports', '/v1/outcomes/summary', '/v1/audit/events']) {
    assert.equal(await codeOf(path), '403 /problems/tenant-suspended', path)
  }
  const [doctor] = await Promise.all([
    csr('doctor'),
    eventually(async () => assert.equal((await webhook()).status, 503), { withinMs: 15_000, what: 'its refusal' }),
  ])
  assert.match(doctor.stdout, new RegExp(`${id} is suspended`))
  assert.equal((await csr('tenants', 'resume', id)).code, 0)
  assert.match(await codeOf('/v1/me'), /^200 /)

  const planned = await csr('tenants', 'close', id, '--wait-days', '0', '--dry-run')
  assert.match(planned.stdout, /^would end at .*[^]*^state +open$[^]*^invitations +1$/m)
  assert.equal((await csr('tenants', 'close', id, '--wait-days', '0', '--yes')).code, 0)
  await eventually(async () => assert.equal(await codeOf('/v1/me'), '403 /problems/tenant-closed'), {
    withinMs: 15_000,
    what: 'the end of its access',
  })
  assert.match((await csr('tenants', 'keep', id)).stderr, /closed/)

  const [data, keys] = [openDatabase('csr'), openDatabase('csr_keys')]
  const count = async (): Promise<number> =>
    (await keys`select 1 from keys.data_keys where tenant_id = ${id}`).length +
    (await keys`select 1 from keys.identifiers where tenant_id = ${id}`).length
  assert.ok((await count()) > 0)
  await data`update gateway.tenants set closed_at = closed_at - interval '3 minutes' where tenant_id = ${id}`
  await eventually(async () => assert.equal(await count(), 0), { withinMs: 15_000, what: 'the end of its keys' })
  await eventually(async () => {
    const told = (
      await data`select payload from gateway.outbox where tenant_id = ${id} and sequence is not null
      union all select payload from privacy.outbox where tenant_id = ${id} and sequence is not null`
    ).length
    const [log] = await data`select count(*)::int as records from audit.records where tenant_id = ${id}`
    assert.ok(log?.['records'] >= told, 'the log has every record')
  })
  await Promise.all([data.end(), keys.end()])
})

test('the streams are as declared and every migration is applied', async () => {
  const plan = await csr('streams', 'plan', '--json')
  const { changes, checks } = JSON.parse(plan.stdout) as { changes: unknown[]; checks: { ok: boolean | null }[] }
  assert.deepEqual([plan.code, changes, checks.map(({ ok }) => ok)], [0, [], [true, true]])
  const { streams } = JSON.parse((await csr('streams', 'status', '--json')).stdout) as { streams: { stream: string }[] }
  assert.ok(streams.some(({ stream }) => stream === 'INGEST'))
  const status = await csr('migrate', 'status')
  assert.equal(status.code, 0)
  assert.doesNotMatch(status.stdout, /missing/)
  assert.equal((await csr('migrate', 'up')).stdout, 'nothing to apply\n')
})

test('the outboxes are sent, and what is sent again is in the audit log with who asked', async () => {
  const status = await csr('outbox', 'status', '--json')
  const { items } = JSON.parse(status.stdout) as { items: { service: string; unsent: number; streams: unknown[] }[] }
  assert.deepEqual([status.code, items.map(({ service }) => service)], [0, [...services]])
  assert.ok(items.every(({ streams }) => streams.length > 0))

  const type = 'gateway.tenant.created.v1'
  const counted = await csr('outbox', 'replay', '--type', type, '--dry-run', '--json')
  const replayed = await csr('outbox', 'replay', '--type', type, '--json')
  const answers = [counted, replayed].map(({ stdout }) => JSON.parse(stdout) as { items: { count: number }[] })
  assert.ok((answers[0]?.items[0]?.count ?? 0) > 0)
  assert.deepEqual(answers[0]?.items, answers[1]?.items)
  const token = (await csr('token', '--role', 'auditor', '--tenant', platformTenantId)).stdout.trim()
  const headers = { authorization: `Bearer ${token}` }
  await eventually(async () => {
    const answer = await fetch(`${document.gateway}/v1/audit/events`, { headers })
    const log = (await answer.json()) as { items: { action: string; actor: { type: string } }[] }
    const records = log.items.filter(({ action }) => action === 'gateway.outbox.replayed.v1')
    assert.deepEqual(
      records.map(({ actor }) => actor.type),
      ['account'],
    )
  })
})

type Endpoint = { readonly id: string; readonly webhookUrl: string; readonly secret: string }

/** As no service could. */
function openDatabase(database: string): postgres.Sql {
  const url = new URL(document.postgres.superuserUrl)
  url.pathname = `/${database}`
  return postgres(url.href, { max: 1, onnotice: () => undefined })
}

const session = JSON.stringify({
  type: 'session.completed',
  timestamp: '2026-11-20T10:00:00Z',
  data: {
    sessionId: 'session-1',
    sessionType: 'language',
    participant: { email: 'participant-1@example.org' },
    volunteer: { email: 'volunteer-1@example.org' },
    scheduledAt: '2026-11-20T09:00:00Z',
  },
})

function csr(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, CSR_DATA_DIR: dataDir }
  return new Promise((resolve) => {
    const child = execFile(csrFile, args, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(child.exitCode), stdout, stderr })
    })
  })
}
