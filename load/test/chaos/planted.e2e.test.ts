import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plantPoison } from '../../chaos/faults/poison.ts'
import type { Finding } from '../../chaos/oracle/evidence.ts'
import { openUnderLoad } from '../../chaos/open-under-load.ts'
import type { RigStack } from '../../chaos/rig-stack.ts'
import type { RunningRig } from '../../chaos/rig.ts'
import { judgeRun, type OpenRig } from '../../chaos/run-scenario.ts'

/*
 * The rig is tried on a system that keeps its promises: whatever is planted has to be reported, as what it is, and gone
 * from the report when it is taken back.
 */
let open: OpenRig
let rig: RunningRig
let stack: RigStack

before(async () => {
  open = await openUnderLoad({ perSecond: 50, events: 120 })
  rig = open.rig
  stack = rig.stack
  await rig.load.finish()
  assert.ok(await rig.settled(60_000))
})

after(() => open?.[Symbol.asyncDispose]())

const findings = async (): Promise<readonly Finding[]> => (await judgeRun(rig, open.companies)).findings

async function reports(verdict: Finding['verdict'], detail: RegExp): Promise<void> {
  const found = await findings()
  assert.ok(found.length > 0, 'the planted fault is reported')
  assert.ok(
    found.some((one) => one.verdict === verdict && detail.test(one.detail)),
    JSON.stringify(found, null, 2),
  )
}

/** One activity of the first company that stands, and whose person has one version of it. */
const oneActivity = `select id from profile.activities where tenant_id = $1 and kind = 'session.completed'
  and id not in (select activity_id from profile.activity_revisions) order by id limit 1`

test('P2: a system that keeps its promises is found to do so: everything effective, nothing else there', async () => {
  const { requests, reports: counted, findings: found } = await judgeRun(rig, open.companies)
  assert.deepEqual(found, [])
  assert.ok(requests.attempted >= 120 && counted.told >= 90)
  assert.equal(counted.effective, counted.accepted)
})

test('P2: a planted loss is reported', async () => {
  const tenantId = rig.tenantIds[0] ?? ''
  await stack.ask((sql) =>
    sql.unsafe(
      `create table public.taken as select * from profile.activities where tenant_id = $1 and id = (${oneActivity})`,
      [tenantId],
    ),
  )
  await stack.ask((sql) => sql.unsafe(`delete from profile.activities where id in (select id from public.taken)`))
  await reports('lost', /no activity of the participant|no activity of the volunteer/)
  await reports('lost', /the gateway does not show/)
  await stack.ask((sql) => sql.unsafe(`insert into profile.activities select * from public.taken`))
  assert.deepEqual(await findings(), [])
})

test('P2: a planted duplicate is reported', async () => {
  const tenantId = rig.tenantIds[0] ?? ''
  const other = '00000000-0000-7000-8000-00000000dddd'
  await stack.ask((sql) =>
    sql.unsafe(
      `insert into profile.activities
       select (jsonb_populate_record(activity, jsonb_build_object('id', '${other}'))).*
       from profile.activities activity where tenant_id = $1 and id = (${oneActivity})`,
      [tenantId],
    ),
  )
  await reports('duplicated', /2 times|2 activities/)
  await reports('duplicated', /the gateway shows beyond/)
  await stack.ask((sql) => sql`delete from profile.activities where id = ${other}`)
  assert.deepEqual(await findings(), [])
})

test('P2: a planted stuck message is reported, with the place where it waits', async () => {
  stack.signal('nats', 'SIGSTOP')
  try {
    await rig.load.burst(5)
    assert.equal(await rig.settled(2_000), false)
    const { findings: found } = await rig.judge()
    assert.ok(
      found.some(({ verdict, detail }) => verdict === 'stuck' && /unsent in ingest\.outbox/.test(detail)),
      JSON.stringify(found, null, 2),
    )
  } finally {
    stack.signal('nats', 'SIGCONT')
  }
  assert.ok(await rig.settled(60_000), JSON.stringify(rig.underWay))
  assert.deepEqual(await findings(), [])
})

test('P3: dead letters that nobody asked for are reported, and those asked for have to be there once', async () => {
  const tenantId = rig.tenantIds[0] ?? ''
  const expected = await plantPoison(stack, { tenantId, count: 1, random: rig.random })
  assert.ok(expected.length > 1)
  assert.ok(await rig.settled(60_000), JSON.stringify(rig.underWay))
  await reports('dead-lettered', /undecodable/)
  rig.expectDeadLetters(expected)
  assert.deepEqual(await findings(), [])
  rig.expectDeadLetters([{ consumer: 'profile-on-session-completed', eventId: 'never-planted' }])
  await reports('lost', /never-planted/)
})
