import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ImportStatus } from '@csr/contracts/http/ingest'
import type { Service } from '@csr/contracts/services'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { sign } from '@csr/testkit/webhooks'
import type postgres from 'postgres'
import { newCompany, type Company } from './company.ts'
import { openSuperuser } from './superuser.ts'

let stack: TestStack
let company: Company
let superuser: postgres.Sql
before(async () => {
  stack = await privateStack({ replicas: 2 })
  company = await newCompany(stack, 'Company A')
  superuser = await openSuperuser(stack)
})
after(async () => {
  await superuser?.end()
  await stack?.[Symbol.asyncDispose]()
})

let sessions = 0

/** Sends one session to the first or the second gateway, and once more after the time that a 503 names: no third time. */
async function deliver(): Promise<void> {
  const number = (sessions += 1)
  const gateways = stack.document.replicas.gateway ?? []
  const { pathname } = new URL(company.webhookUrl)
  const url = new URL(pathname, gateways[number % gateways.length]?.url)
  const person = `participant-${number % 40}@example.org`
  const body = JSON.stringify(
    kintellSessionCompleted({ sessionId: `session-${number}`, participant: { email: person } }),
  )
  const id = randomUUID()
  const post = (): Promise<Response> => {
    const headers = sign({ secret: company.secret, id, timestamp: Math.floor(Date.now() / 1_000), body })
    return fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) })
  }
  const first = await post()
  if (first.status === 202) return
  assert.equal(first.status, 503, await first.text())
  const retryAfter = Number(first.headers.get('retry-after'))
  assert.ok(retryAfter >= 1, 'a 503 says when to come again')
  await pause(retryAfter * 1_000)
  const second = await post()
  assert.equal(second.status, 202, `once more after ${retryAfter} s: ${await second.text()}`)
}

/** Sends sessions, some sixty a second, as long as `work` takes. */
async function whileDelivering(work: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  const worker = async (): Promise<void> => {
    while (!over.signal.aborted) await Promise.all([deliver(), pause(100)])
  }
  const workers = Promise.all(Array.from({ length: 6 }, worker))
  try {
    await work()
  } finally {
    over.abort()
    await workers
  }
}

async function accepts(count: number): Promise<void> {
  const enough = sessions + count
  await eventually(() => assert.ok(sessions >= enough), { withinMs: 30_000, what: `${count} more webhooks` })
}

/** Every session that was sent has had its whole effect, once. */
async function everythingEffectiveOnce(): Promise<void> {
  await eventually(
    async () => {
      const [counts] = await superuser.unsafe<[Record<string, number>]>(
        `select (select count(*)::int from profile.activities where tenant_id = $1) as activities,
           (select count(distinct source_id)::int from profile.activities where tenant_id = $1) as sessions,
           (select count(*)::int from audit.records where tenant_id = $1 and leaf like '%"profile.activity.recorded.v1"%') as recorded`,
        [company.tenantId],
      )
      assert.deepEqual({ ...counts }, { activities: sessions * 2, sessions, recorded: sessions * 2 })
    },
    { withinMs: 60_000, what: 'every accepted webhook effective exactly once' },
  )
}

/** Sum of a metric of each replica, over the series whose labels contain `label`. */
async function shares(service: Service, metric: string, label = ''): Promise<number[]> {
  return await Promise.all(
    (stack.document.replicas[service] ?? []).map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text()
      const series = text.split('\n').filter((line) => line.startsWith(`${metric}{`) && line.includes(label))
      return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    }),
  )
}

test('two replicas of each service share the work', async () => {
  await whileDelivering(() => accepts(150))
  await everythingEffectiveOnce()
  const ofEach = {
    webhooks: await shares('ingest', 'http_request_duration_seconds_count', 'webhooks'),
    effects: await shares('profile', 'consumer_effects_total'),
    screened: await shares('safety', 'consumer_effects_total'),
    recorded: await shares('audit', 'consumer_effects_total'),
  }
  for (const [work, [first = 0, second = 0]] of Object.entries(ofEach)) {
    assert.ok(Math.min(first, second) > (first + second) / 10, `${work}: ${first} and ${second}`)
  }
})

test('P2: kill -9 of a replica under load: what a client meets heals within Retry-After, nothing is lost or doubled', async () => {
  for (const victim of ['ingest-2', 'profile'] as const) {
    const killedPid = stack.pidOf(victim)
    await whileDelivering(async () => {
      await accepts(20)
      await stack.kill(victim)
      await accepts(60)
      await stack.recovered(victim, killedPid)
    })
  }
  await everythingEffectiveOnce()
})

test('P2: a consumer frozen for twice its ack wait, and the one that works a file off killed: the others go on, one effect each', async () => {
  const frozen = stack.pidOf('profile-2')
  const file = ['session_id,participant_email,volunteer_email,scheduled_at']
  for (let row = 1; row <= 3_000; row += 1) {
    file.push(`file-${row},row-${row % 500}@example.org,v-${row % 50}@example.org,2026-11-01T10:00:00Z`)
  }
  await whileDelivering(async () => {
    await accepts(50)
    process.kill(frozen, 'SIGSTOP')
    try {
      await Promise.all([workedOffOnce(file.join('\n'), 3_000), pause(2 * ackWaitMs)])
      await accepts(50)
    } finally {
      process.kill(frozen, 'SIGCONT')
    }
    await accepts(50)
  })
  sessions += 3_000
  await everythingEffectiveOnce()
})

const ackWaitMs = 10_000

/** Uploads a file, kills the replica that works it off in the middle, and waits for the other one to finish. */
async function workedOffOnce(text: string, rows: number): Promise<void> {
  const headers = { authorization: `Bearer ${await company.token()}`, 'content-type': 'text/csv' }
  const uploaded = await fetch(new URL('/v1/imports', stack.document.gateway), { method: 'POST', headers, body: text })
  assert.equal(uploaded.status, 202)
  const { id } = (await uploaded.json()) as ImportStatus
  const status = async () => (await company.call('GET', `/v1/imports/${id}`)).body as unknown as ImportStatus
  await eventually(async () => assert.ok((await status()).progress > 0.1), { withinMs: 20_000, what: 'a tenth of it' })
  const holder = await holderOf('imports', ['ingest', 'ingest-2'])
  assert.ok((await status()).progress < 1, 'it is in the middle')
  await stack.kill(holder)
  const done = await eventually(
    async () => {
      const now = await status()
      assert.ok(now.completedAt, JSON.stringify(now.rows))
      return now
    },
    { withinMs: 60_000, what: 'a finished import' },
  )
  assert.deepEqual(done.rows, { total: rows, accepted: rows, duplicate: 0, quarantined: 0 })
}

/** Which of these processes holds the advisory lock: the one whose connection it is. */
async function holderOf<Name extends Parameters<TestStack['pidOf']>[0]>(lock: string, names: Name[]): Promise<Name> {
  const [found] = await superuser.unsafe<{ client_port: number }[]>(
    `select client_port from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 0)`,
    [lock],
  )
  const holder = names.find((name) => localPortsOf(stack.pidOf(name)).has(found?.client_port ?? 0))
  assert.ok(holder, `nobody of ${names.join(', ')} holds ${lock}`)
  return holder
}

/** Ports of the connections that a process has. */
function localPortsOf(pid: number): Set<number> {
  const inodes = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      inodes.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '')
    } catch {
      // closed meanwhile
    }
  }
  const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1)
  const columns = table.map((line) => line.trim().split(/\s+/))
  const own = columns.filter((column) => inodes.has(column[9] ?? ''))
  return new Set(own.map((column) => Number.parseInt(column[1]?.split(':')[1] ?? '', 16)))
}
