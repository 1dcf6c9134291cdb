import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listAuditEvents } from '@csr/contracts/http/audit'
import type {
  BulkReplay,
  DeadLetterAct,
  DeadLetterDetail,
  DeadLetterEntry,
  DeadLetterGroup,
} from '@csr/contracts/http/dead-letters'
import type { ParkedEvent } from '@csr/contracts/http/parked-events'
import { createIds } from '@csr/runtime/ids'
import { systemClock } from '@csr/runtime/clock'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import type postgres from 'postgres'
import { newCompany, type Company } from './company.ts'
import { openSuperuser } from './superuser.ts'

/*
 * What an operator goes through: a fault makes messages poison, they are found in DEAD_LETTER, a replay before the fix does
 * not help, one after it does, once. The fault is a trigger that refuses rows, as a faulty release would.
 */
const csrFile = fileURLToPath(new URL('../csr', import.meta.url))
const ids = createIds(systemClock())
let stack: TestStack
let company: Company
let sql: postgres.Sql
before(async () => {
  stack = await privateStack({ env: { REDELIVERY_DELAYS_MS: '100,200' } })
  company = await newCompany(stack, 'Company A')
  sql = await openSuperuser(stack)
  await sql`create function public.refuse_poison() returns trigger language plpgsql as
    $$ begin if new.source_id like 'poison-%' then raise exception 'poison'; end if; return new; end $$`
  await sql`create trigger refuse_poison before insert on profile.activities
    for each row execute function public.refuse_poison()`
})
after(async () => {
  await sql?.end()
  await stack?.[Symbol.asyncDispose]()
})

const poisonIds = ['poison-1', 'poison-2', 'poison-3']

function csr(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, CSR_DATA_DIR: stack.directory.path }
  return new Promise((resolve) => {
    const child = execFile(csrFile, args, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(child.exitCode), stdout, stderr })
    })
  })
}

async function asked<Result>(...args: string[]): Promise<Result> {
  const { stdout, stderr } = await csr(...args, '--json')
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as Result
}

const consumer = 'profile-on-session-completed'
const listed = async (...filter: string[]) =>
  (await asked<{ items: DeadLetterEntry[] }>('dlq', 'list', ...filter)).items

async function sourcesOf(email: string): Promise<string[]> {
  const person = await company.person(email)
  return (await company.activities(person.id)).map(({ sourceId }) => sourceId).toSorted()
}

async function accepted(sessionId: string): Promise<void> {
  const { status } = await company.post(kintellSessionCompleted({ sessionId }))
  assert.equal(status, 202)
}

/** What profile gave up on after its first three. */
const givenUp =
  () => sql`select o.id from profile.outbox o join ingest.outbox i on i.id = (o.payload::json->>'causationid')::uuid
  where o.topic = 'dead-letter.profile.v1' and i.payload ~ '"poison-[456]"'`

/** Writes an event into the outbox of a service as the service never would. */
async function publish(type: string, payload: (id: string) => string, service = 'ingest'): Promise<string> {
  const id = ids.uuid()
  await sql`insert into ${sql(`${service}.outbox`)} (tenant_id, id, topic, lane, payload)
    values (${company.tenantId}, ${id}, ${type}, 'live', ${payload(id)})`
  return id
}

function envelopeOf(type: string, id: string, subject: string = randomUUID()): string {
  const source = `/services/${type.split('.')[0]}`
  return JSON.stringify({
    ...{ specversion: '1.0', id, source, type, time: new Date().toISOString(), subject },
    ...{ dataschema: `/events/${type}`, datacontenttype: 'application/json' },
    ...{ tenantid: company.tenantId, causationid: 'test', data: {} },
  })
}

test(
  'P3: what a fault makes poison is one dead letter each and nobody else suffers',
  { timeout: 120_000 },
  async () => {
    for (const sessionId of [...poisonIds, 'fine-1']) {
      await accepted(sessionId)
    }
    await eventually(async () => assert.equal((await listed('--consumer', consumer)).length, 3), {
      withinMs: 30_000,
      what: 'three dead letters',
    })
    const entries = await listed('--consumer', consumer)
    for (const { state, reason, attempts, tenantId, form } of entries) {
      assert.deepEqual([state, reason, attempts, form], ['open', 'exhausted', 3, 'received'])
      assert.equal(tenantId, company.tenantId)
    }
    const { items } = await asked<{ items: DeadLetterGroup[] }>('dlq', 'groups')
    assert.deepEqual(
      items.map(({ consumer: of, count, open }) => [of, count, open]),
      [[consumer, 3, 3]],
    )
    assert.deepEqual(await sourcesOf('participant-1@example.org'), ['fine-1'])
    const shown = await csr('dlq', 'show', entries[0]?.id ?? '')
    assert.doesNotMatch(shown.stdout, /example\.org|s1\./)
  },
)

test('P3: before the fix a group is tried with one message and stops; nothing is there twice', async () => {
  const [group] = (await asked<{ items: DeadLetterGroup[] }>('dlq', 'groups')).items
  assert.ok(group)
  const preview = await asked<{ total: number }>('dlq', 'replay', '--fingerprint', group.fingerprint, '--dry-run')
  assert.equal(preview.total, 3)
  const { code, stdout } = await csr('dlq', 'replay', '--fingerprint', group.fingerprint, '--json')
  const bulk = JSON.parse(stdout) as BulkReplay
  assert.deepEqual([code, bulk.state, bulk.failed, bulk.skipped, bulk.effective], [1, 'stopped', 1, 2, 0])
  const entries = await listed('--consumer', consumer)
  assert.deepEqual(entries.map(({ state, attempts }) => [state, attempts]).toSorted(), [
    ['open', 3],
    ['open', 3],
    ['open', 4],
  ])
  assert.equal((await listed()).length, 3)
})

test('P2: after the fix a replay takes effect once, a second one changes nothing, the rest of the group follows', async () => {
  await sql`drop trigger refuse_poison on profile.activities`
  const [first, ...others] = await listed('--consumer', consumer)
  assert.ok(first)
  assert.equal((await asked<DeadLetterAct>('dlq', 'replay', first.id)).outcome, 'effective')
  const known = await sourcesOf('participant-1@example.org')
  assert.equal(known.length, 2)
  assert.equal((await asked<DeadLetterAct>('dlq', 'replay', first.id)).outcome, 'already-effective')
  assert.deepEqual(await sourcesOf('participant-1@example.org'), known)

  const bulk = await asked<BulkReplay>('dlq', 'replay', '--consumer', consumer)
  assert.deepEqual([bulk.state, bulk.total, bulk.effective], ['completed', others.length, others.length])
  assert.deepEqual(await sourcesOf('participant-1@example.org'), ['fine-1', ...poisonIds])
  const states = (await listed('--consumer', consumer)).map(({ state }) => state)
  assert.deepEqual(states, ['resolved', 'resolved', 'resolved'])
  assert.equal((await csr('dlq', 'discard', first.id, '--reason', 'no longer wanted')).code, 1)
})

test('P7: every act of an operator is in the log, with who did it', async () => {
  const token = await company.token('auditor')
  await eventually(
    async () => {
      const { items } = await stack.gateway.call(listAuditEvents, { token, query: { limit: 200 } })
      const acts = items.filter(({ action }) => action === 'audit.replay.profile.v1')
      const outcomes = items.filter(({ action }) => action === 'profile.replay.settled.v1').map((one) => one.outcome)
      assert.equal(acts.length, 5)
      for (const { actor, target } of acts) assert.deepEqual([actor.type, target.type], ['account', 'dead-letter'])
      assert.deepEqual(outcomes.toSorted(), ['effective', 'effective', 'effective', 'effective', 'failed'])
    },
    { withinMs: 15_000, what: 'the acts in the log' },
  )
})

test('P3: what audit itself gives up on is kept, replayed and recorded like anything else', async () => {
  await sql`create function public.refuse_record() returns trigger language plpgsql as
    $$ begin if new.leaf like '%audit-poison%' then raise exception 'poison'; end if; return new; end $$`
  await sql`create trigger refuse_record before insert on audit.records
    for each row execute function public.refuse_record()`
  const type = 'gateway.access.denied.v1'
  await publish(type, (eventId) => envelopeOf(type, eventId, 'audit-poison'), 'gateway')
  const own = () => listed('--consumer', 'audit-on-any-event')
  await eventually(async () => assert.equal((await own()).length, 1), {
    withinMs: 20_000,
    what: 'a dead letter of audit',
  })
  const [{ id, reason } = { id: '', reason: '' }] = await own()
  assert.equal(reason, 'exhausted')
  assert.equal((await csr('dlq', 'replay', id)).code, 1)
  await sql`drop trigger refuse_record on audit.records`
  assert.equal((await asked<DeadLetterAct>('dlq', 'replay', id)).outcome, 'effective')
  assert.equal((await asked<DeadLetterAct>('dlq', 'replay', id)).outcome, 'already-effective')
  const records = await sql`select sequence from audit.records where leaf like '%audit-poison%'`
  assert.equal(records.length, 1)
  assert.equal((await own()).length, 1)
})

test('P4: what nobody can read is sealed, fails again when replayed, and is discarded with a reason and its key', async () => {
  const keys = await openSuperuser(stack, 'csr_keys')
  const keyOf = async ({ id }: DeadLetterEntry): Promise<string> => {
    const [row] = await keys`select
      exists (select from keys.data_keys where key_id = ${id}) as there,
      exists (select from keys.tombstones where key_id = ${id}) as destroyed`
    return `${row?.['there'] === true ? 'there' : ''}${row?.['destroyed'] === true ? 'destroyed' : ''}`
  }
  await publish('ingest.session.completed.v1', () => '{ no json, but somebody@example.org')
  await eventually(async () => assert.equal((await listed('--reason', 'undecodable')).length, 3), { withinMs: 20_000 })
  const entries = await listed('--reason', 'undecodable')
  assert.deepEqual(entries.map(({ service, form }) => [service, form]).toSorted(), [
    ['audit', 'left'],
    ['profile', 'sealed'],
    ['safety', 'sealed'],
  ])
  const rows = await sql`select payload from audit.dead_letters where reason = 'undecodable'`
  for (const { payload } of rows) assert.doesNotMatch(String(payload), /somebody/)
  const unread = entries.find(({ service }) => service === 'profile')
  assert.ok(unread)
  assert.equal(await keyOf(unread), 'there')
  const { code, stdout } = await csr('dlq', 'replay', unread.id, '--json')
  const act = JSON.parse(stdout) as DeadLetterAct
  assert.deepEqual([code, act.outcome, act.code], [1, 'failed', 'json-invalid'])
  const discarded = await asked<DeadLetterDetail>('dlq', 'discard', unread.id, '--reason', 'sent by a broken tool')
  assert.equal(discarded.state, 'discarded')
  assert.equal(discarded.acts[0]?.reason, 'sent by a broken tool')
  assert.equal((await csr('dlq', 'replay', unread.id)).code, 1)
  assert.equal((await listed('--reason', 'undecodable')).length, 3)
  await eventually(async () => assert.equal(await keyOf(unread), 'destroyed'), { withinMs: 15_000 })
  const other = entries.find(({ service }) => service === 'safety')
  assert.equal(other && (await keyOf(other)), 'there')
  await keys.end()
})

test(
  'P3: with NATS and audit down meanwhile no dead letter is missing, and nothing else is there',
  { timeout: 120_000 },
  async () => {
    await sql`create trigger refuse_poison before insert on profile.activities
      for each row execute function public.refuse_poison()`
    const known = (await listed('--limit', '200')).map(({ id }) => id)
    const killed = { audit: stack.pidOf('audit'), nats: stack.pidOf('nats') }
    // Nobody starts anything again meanwhile.
    process.kill(stack.pid, 'SIGSTOP')
    try {
      await stack.kill('audit')
      for (const sessionId of ['poison-4', 'fine-2', 'poison-5']) await accepted(sessionId)
      await eventually(async () => assert.equal((await givenUp()).length, 2), { withinMs: 20_000, what: 'given up' })
      await stack.kill('nats')
      for (const sessionId of ['poison-6', 'fine-3']) await accepted(sessionId)
      assert.equal((await sql`select 1 from audit.dead_letters`).length, known.length)
    } finally {
      process.kill(stack.pid, 'SIGCONT')
    }
    await stack.recovered('nats', killed.nats)
    await stack.recovered('audit', killed.audit)

    const added = async (): Promise<DeadLetterEntry[]> =>
      (await listed('--limit', '200')).filter(({ id }) => !known.includes(id))
    await eventually(async () => assert.equal((await added()).length, 3), { withinMs: 40_000, what: 'all of them' })
    await eventually(async () => assert.ok((await sourcesOf('participant-1@example.org')).includes('fine-3')))
    const wanted = await sql<{ id: string }[]>`select id from ingest.outbox where payload ~ '"poison-[456]"'`
    const entries = await added()
    assert.deepEqual(entries.map(({ eventId }) => eventId).toSorted(), wanted.map(({ id }) => id).toSorted())
    for (const entry of entries) assert.deepEqual([entry.consumer, entry.state], [consumer, 'open'])
    assert.equal((await givenUp()).length, 3)
  },
)

test('P2: a replay asked for twice under one Idempotency-Key is asked for once, and answered twice', async () => {
  const [entry] = await listed('--consumer', consumer, '--state', 'open')
  assert.ok(entry)
  const token = await stack.token({ role: 'platform_admin' })
  const url = new URL(`/v1/dead-letters/${entry.id}/replays`, stack.document.gateway)
  const ask = async () => {
    const headers = { authorization: `Bearer ${token}`, 'idempotency-key': 'one-replay' }
    const response = await fetch(url, { method: 'POST', headers })
    return [response.status, await response.text(), response.headers.get('idempotent-replayed')] as const
  }
  const [status, answer, replayed] = await ask()
  assert.deepEqual([status, replayed], [202, null])
  assert.deepEqual(await ask(), [202, answer, 'true'])
  const { acts } = await asked<DeadLetterDetail>('dlq', 'show', entry.id)
  assert.deepEqual(
    acts.map(({ id }) => id),
    [(JSON.parse(answer) as DeadLetterAct).id],
  )
})

test('an event of an unknown version is listed as parked, tried when released, and stays where it must wait on', async () => {
  const type = 'ingest.session.completed.v9'
  const id = await publish(type, (eventId) => envelopeOf(type, eventId))
  const parked = async () => (await asked<{ items: ParkedEvent[] }>('parked', 'list', '--type', type)).items
  await eventually(async () => assert.equal((await parked()).length, 2), { withinMs: 20_000 })
  const [one] = await parked()
  assert.deepEqual([one?.eventId, one?.waitsFor], [id, `version:${type}`])
  assert.equal((await csr('parked', 'release', consumer, id)).code, 0)
  assert.equal((await csr('parked', 'release', consumer, randomUUID())).code, 1)
  assert.equal((await parked()).length, 2)
})
