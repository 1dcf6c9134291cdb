import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { services } from '@csr/contracts/services'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type StackMember, type TestStack } from '@csr/testkit/stack'
import type postgres from 'postgres'
import { newCompany, type Company } from './company.ts'
import { openSuperuser } from './superuser.ts'

let stack: TestStack
let company: Company
let superuser: postgres.Sql
before(async () => {
  stack = await privateStack()
  company = await newCompany(stack, 'Company A')
  superuser = await openSuperuser(stack)
})
after(async () => {
  await superuser?.end()
  await stack?.[Symbol.asyncDispose]()
})

const text = 'I feel more confident at work now, said synthetic person '
/** sessions sent, and those answered 202 */
let sessions = 0
let accepted = 0
const answeredMs: number[] = []

/** Sends one session as a partner would: the same id again and again until it is answered 202. */
async function deliver(): Promise<void> {
  const number = (sessions += 1)
  const body = kintellSessionCompleted({
    sessionId: `session-${number}`,
    participant: { email: `participant-${number % 40}@example.org`, name: `Synthetic Participant ${number % 40}` },
    feedbackText: `${text}${number}.`,
  })
  const id = randomUUID()
  await eventually(
    async () => {
      const startedMs = performance.now()
      const { status } = await company.post(body, id)
      answeredMs.push(performance.now() - startedMs)
      assert.equal(status, 202)
    },
    { withinMs: 60_000, what: 'an accepted webhook' },
  )
  accepted += 1
}

async function deliverWhile(goesOn: () => boolean, atOnce: number): Promise<void> {
  const worker = async () => {
    while (goesOn()) await deliver()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Everything that was accepted has had its whole effect, once. */
async function everythingEffectiveOnce(): Promise<void> {
  await eventually(
    async () => {
      const [counts] = await superuser.unsafe<[Record<string, number>]>(
        `select (select count(*)::int from profile.activities where tenant_id = $1) as activities,
           (select count(distinct source_id)::int from profile.activities where tenant_id = $1) as sessions,
           (select count(*)::int from q2q.outcomes where tenant_id = $1) as outcomes,
           (select count(*)::int from audit.records where tenant_id = $1 and leaf like '%"ingest.session.completed.v1"%') as accepted,
           (select count(*)::int from audit.records where tenant_id = $1 and leaf like '%"profile.activity.recorded.v1"%') as recorded,
           (select count(*)::int from audit.records where tenant_id = $1 and leaf like '%"q2q.outcome.scored.v1"%') as scored`,
        [company.tenantId],
      )
      assert.deepEqual(
        { ...counts },
        {
          activities: sessions * 2,
          sessions,
          outcomes: sessions,
          accepted: sessions,
          recorded: sessions * 2,
          scored: sessions,
        },
      )
    },
    { withinMs: 120_000, what: 'every accepted webhook effective exactly once' },
  )
  const { body } = await company.call(
    'GET',
    '/v1/dead-letters',
    undefined,
    await stack.token({ role: 'platform_admin' }),
  )
  assert.deepEqual(body['items'], [], 'nothing is a dead letter')
}

const members: readonly StackMember[] = [...services, 'nats', 'postgres']

test('P2: kill -9 of each service, of nats-server and of PostgreSQL while webhooks go in loses and doubles nothing', async () => {
  for (const member of members) {
    const acceptedBefore = accepted
    const killedPid = stack.pidOf(member)
    let back = false
    const load = deliverWhile(() => !back || accepted < acceptedBefore + 60, 4)
    await eventually(() => assert.ok(accepted >= acceptedBefore + 20), {
      withinMs: 60_000,
      what: '20 accepted webhooks',
    })
    await stack.kill(member)
    const atKill = accepted
    await stack.recovered(member, killedPid)
    back = true
    await load
    assert.ok(accepted > atKill, `webhooks were accepted after ${member} was killed`)
  }
  assert.ok(accepted >= 500)
  await everythingEffectiveOnce()
})

test('P1: a storm of ended sessions and a paused PostgreSQL: no answer takes longer than three seconds, nothing is lost', async () => {
  answeredMs.length = 0
  const acceptedBefore = accepted
  let over = false
  const load = deliverWhile(() => !over, 16)
  const endStormMs = performance.now() + 10_000
  while (performance.now() < endStormMs) {
    await superuser.unsafe(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename like 'csr\\_%' and pid <> pg_backend_pid()`,
    )
    await pause(300)
  }
  assert.ok(accepted > acceptedBefore + 20, 'webhooks were accepted in the storm')
  const paused = processTree(stack.pidOf('postgres'))
  for (const pid of paused) process.kill(pid, 'SIGSTOP')
  await pause(6_000)
  for (const pid of paused) process.kill(pid, 'SIGCONT')
  const healedMs = performance.now()
  const atHealing = accepted
  await eventually(() => assert.ok(accepted > atHealing), {
    withinMs: 2_000,
    what: 'an accepted webhook after the pause',
  })
  assert.ok(performance.now() - healedMs < 2_000, 'the pool is usable within two seconds')
  over = true
  await load
  assert.ok(Math.max(...answeredMs) < 3_000, `the slowest answer took ${Math.max(...answeredMs).toFixed(0)} ms`)
  await everythingEffectiveOnce()
  assert.deepEqual(grepLogs('uncaught-exception\\|unhandled-rejection'), [])
})

test('P4: no e-mail address, name or text is in the data folder, the write-ahead log, the stream store or any log', async () => {
  await superuser.unsafe('checkpoint')
  const { document } = stack
  const places = [document.postgres.dataDir, document.nats.storeDir, document.logsDir].filter((place) => place !== null)
  assert.equal(places.length, 3)
  for (const place of places) assert.ok(readdirSync(place).length > 0, `${place} holds something`)
  for (const needle of ['@example.org', 'Synthetic Participant', text]) {
    const found = grep(needle, places)
    assert.deepEqual(found, [], `${needle} stands in plain text`)
  }
  assert.notDeepEqual(grep('session.completed', places), [], 'the search finds what is there')
})

function grepLogs(pattern: string): string[] {
  return grep(pattern, [stack.document.logsDir])
}

/** Files that contain the pattern, binary ones too. */
function grep(pattern: string, places: readonly string[]): string[] {
  try {
    return execFileSync('grep', ['-rla', '-e', pattern, ...places], { encoding: 'utf8' })
      .trim()
      .split('\n')
  } catch (error) {
    if ((error as { status?: number }).status === 1) return []
    throw error
  }
}

/** A process and all its children. */
function processTree(pid: number): number[] {
  const output = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return [pid, ...output.trim().split(/\s+/).filter(Boolean).map(Number)]
}
