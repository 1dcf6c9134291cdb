import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { eventually } from '@csr/testkit/eventually'
import { isStale, isUniqueViolation, PostgresRefused, PostgresUnavailable } from '../src/errors.ts'
import { statement } from '../src/statement.ts'
import { allNotes, createScratch, insertNote, tenantA, tenantSeen, type Scratch } from './scratch.ts'

let scratch: Scratch
before(async () => void (scratch = await createScratch()))
after(() => scratch[Symbol.asyncDispose]())

const unavailable = (reason: string, committed: 'no' | 'unknown') => (error: unknown) => {
  assert.ok(error instanceof PostgresUnavailable, inspect(error))
  assert.deepEqual([error.reason, error.committed], [reason, committed])
  return true
}

const sleep = (seconds: number) => statement('select pg_sleep($1)', [seconds])

async function countOf(text: string): Promise<number> {
  const [row] = await scratch.admin`select count(*)::int as count from scratch.notes where text = ${text}`
  return Number(row?.['count'])
}

test('rows come back by statement, with times, counts, arrays, JSON and bytes in their forms', async () => {
  const connected = await scratch.open()
  const [[values], [tenant]] = await connected.group(tenantA, [
    statement<Record<string, unknown>>(
      `select timestamptz '2026-11-20 11:00:00.123456+01' as time, 12::bigint as count, 1.5::numeric as ratio,
              array['a', 'b"', null] as texts, $1::uuid[] as ids, $2::jsonb as json, $3::bytea as bytes, $4::boolean as flag,
              $5::date as day, null as nothing`,
      [[tenantA], { a: [1, 'ü'] }, Buffer.from('ø'), true, '2026-11-20'],
    ),
    tenantSeen,
  ])
  assert.deepEqual(values, {
    time: '2026-11-20T10:00:00.123Z',
    count: 12,
    ratio: 1.5,
    texts: ['a', 'b"', null],
    ids: [tenantA],
    json: { a: [1, 'ü'] },
    bytes: Buffer.from('ø'),
    flag: true,
    day: '2026-11-20',
    nothing: null,
  })
  assert.equal(tenant?.tenant, tenantA)
})

test('P1: a group is all or nothing, and its first error is the one that is thrown', async () => {
  const connected = await scratch.open()
  const id = randomUUID()
  const twice = [insertNote(tenantA, id, 'half'), insertNote(tenantA, id, 'half'), statement('select nonsense')]
  await assert.rejects(connected.group(tenantA, twice), (error) => isUniqueViolation(error, 'notes_pkey'))
  assert.equal(await countOf('half'), 0)
})

test('P1: what fails only at the commit is an error, and nothing of it stays', async () => {
  const connected = await scratch.open()
  const orphan = statement('insert into scratch.notes (tenant_id, id, text, parent) values ($1, $2, $3, $4)', [
    ...[tenantA, randomUUID(), 'orphan', randomUUID()],
  ])
  await assert.rejects(connected.group(tenantA, [orphan]), (error) => {
    return error instanceof PostgresRefused && error.sqlstate === '23503' && error.statementText === 'commit'
  })
  assert.equal(await countOf('orphan'), 0)
})

test('P4: errors name SQLSTATE, constraint, table and statement, and repeat no value', async () => {
  const connected = await scratch.open()
  const secret = 'participant-1@example.org'
  const id = randomUUID()
  await connected.group(tenantA, [insertNote(tenantA, id, secret)])
  const failing = [
    insertNote(tenantA, id, secret),
    statement('select $1::uuid', [secret]),
    statement('select $1::int', [secret]),
    statement('select $1::jsonb', [secret]),
    statement(`do $$ begin raise exception '%', 'participant-1' || '@example.org'; end $$`),
    statement(`insert into scratch.notes (tenant_id, id, text) values ($1, $2, null)`, [tenantA, id]),
    statement(`select set_config('app.tenant_id', $1, true), ops.tenant_id()`, [secret]),
  ]
  for (const [index, one] of failing.entries()) {
    const error: unknown = await connected.group(tenantA, [one]).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof PostgresRefused, `case ${index}`)
    const everything = inspect(error, { depth: 10, showHidden: true }) + String(error.stack) + JSON.stringify(error)
    assert.ok(!everything.includes(secret) && !everything.includes(id), everything)
  }
  const error: unknown = await connected.group(tenantA, failing.slice(0, 1)).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof PostgresRefused)
  assert.deepEqual([error.sqlstate, error.constraint, error.table], ['23505', 'notes_pkey', 'notes'])
})

test('a version check that fails is told from other refusals', async () => {
  const connected = await scratch.open()
  assert.deepEqual(await connected.group(tenantA, [statement('select ops.expect(3, 3) as fine')]), [[{ fine: true }]])
  await assert.rejects(connected.group(tenantA, [statement('select ops.expect(2, 3)')]), isStale)
  await assert.rejects(connected.group(tenantA, [statement('select ops.expect(null, 3)')]), isStale)
  await assert.rejects(connected.group(tenantA, [statement('select 1 / 0')]), (error) => !isStale(error))
})

test('after an error the connection is a new one, and nobody sees what was left on it', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  const pid = statement<{ pid: number }>('select pg_backend_pid() as pid')
  const [[first]] = await connected.group(tenantA, [pid])
  const leave = statement(`select set_config('app.tenant_id', $1, false), set_config('app.left', 'behind', false)`, [
    tenantA,
  ])
  await assert.rejects(connected.group(tenantA, [leave, statement('select 1 / 0')]))
  const left = statement<{ left: string | null }>(`select current_setting('app.left', true) as left`)
  const [[fresh], [seen]] = await connected.group(tenantA, [pid, left])
  assert.notEqual(fresh?.pid, first?.pid)
  assert.equal(seen?.left ?? '', '')
})

test('a deadline ends the wait, whatever the server does, and other groups go on', async () => {
  const connected = await scratch.open({ connectionsMax: 2 })
  const startMs = performance.now()
  const firstSeen = connected.group(tenantA, [sleep(1)], { deadlineMs: 200 })
  await assert.rejects(
    firstSeen,
    unavailable('deadline', 'no'),
    'the commit waits for a statement that is not yet known',
  )
  assert.ok(performance.now() - startMs < 450)
  await connected.group(tenantA, [sleep(0)])
  await assert.rejects(connected.group(tenantA, [sleep(1)], { deadlineMs: 200 }), unavailable('deadline', 'unknown'))
  assert.deepEqual(await connected.group(tenantA, [statement('select 1 as one')]), [[{ one: 1 }]])
})

test('a statement over its time is ended by the server, with certainty that nothing was committed', async () => {
  const connected = await scratch.open()
  const group = connected.group(tenantA, [insertNote(tenantA, randomUUID(), 'slow'), sleep(5)])
  await assert.rejects(group, unavailable('statement-timeout', 'no'))
  assert.equal(await countOf('slow'), 0)
})

test('a longer deadline raises the limit of the statement too, for this group only', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  const limit = statement<{ limit: string }>(`select current_setting('statement_timeout') as limit`)
  const [, [raised]] = await connected.group(tenantA, [sleep(1.4), limit], { deadlineMs: 4_000 })
  const [[usual]] = await connected.group(tenantA, [limit])
  assert.deepEqual([raised?.limit, usual?.limit], ['3700ms', '1200ms'])
})

test('who finds no free connection within half a second is told that nothing happened', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  await connected.group(tenantA, [tenantSeen])
  const long = connected.group(tenantA, [sleep(0.9)])
  const startMs = performance.now()
  await assert.rejects(connected.group(tenantA, [allNotes]), unavailable('wait', 'no'))
  const waitedMs = performance.now() - startMs
  assert.ok(waitedMs > 400 && waitedMs < 800, `${waitedMs}`)
  await long
})

test('those who wait are served in the order in which they came', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  await connected.group(tenantA, [tenantSeen])
  const order: number[] = []
  const groups = Array.from({ length: 20 }, async (_, index) => {
    await connected.group(tenantA, [tenantSeen])
    order.push(index)
  })
  await Promise.all(groups)
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
})

test('a row that somebody else holds is waited for half a second', async () => {
  const connected = await scratch.open()
  const id = randomUUID()
  const touch = statement(`update scratch.notes set text = text where id = $1`, [id])
  await connected.group(tenantA, [insertNote(tenantA, id, 'held')])
  const holder = connected.group(tenantA, [touch, sleep(1)])
  await eventually(async () => {
    const [row] =
      await scratch.admin`select from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`
    assert.ok(row)
  })
  await assert.rejects(connected.group(tenantA, [touch]), unavailable('lock-timeout', 'no'))
  await holder
})

test('a statement prepared before its table changed fails once, without effect, and then works', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  await scratch.owner.unsafe(
    'create table scratch.changing (a int); grant select, insert on scratch.changing to csr_ingest',
  )
  const all = statement('select * from scratch.changing')
  const insert = statement('insert into scratch.changing (a) values (1)')
  await connected.group(tenantA, [all])
  await scratch.owner.unsafe('alter table scratch.changing add column b int')
  await assert.rejects(connected.group(tenantA, [insert, all]), unavailable('conflict', 'no'))
  assert.deepEqual(await connected.group(tenantA, [all]), [[]])
  assert.deepEqual(await connected.group(tenantA, [insert, all]), [[], [{ a: 1, b: null }]])
})

test('P1: commits wait for the disk, and a server where they do not is not used', async () => {
  const connected = await scratch.open()
  const settings = statement<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by name`,
  )
  const [rows] = await connected.group(tenantA, [settings])
  assert.deepEqual(
    rows.map(({ setting }) => setting),
    ['on', 'on', 'on'],
  )
  const [name] = await scratch.admin`select current_database() as name`
  await scratch.admin.unsafe(`alter database ${String(name?.['name'])} set synchronous_commit = off`)
  try {
    const careless = await scratch.open()
    await assert.rejects(careless.group(tenantA, [settings]), unavailable('unsafe', 'no'))
    assert.deepEqual(careless.readiness?.(), { ready: false, missing: 'postgres: commits-not-durable' })
  } finally {
    await scratch.admin.unsafe(`alter database ${String(name?.['name'])} reset synchronous_commit`)
  }
})

test('P6: a role that row-level security does not bind is not used', async () => {
  const superuser = await scratch.open({ url: scratch.database.adminUrl })
  await assert.rejects(superuser.group(tenantA, [allNotes]), unavailable('unsafe', 'no'))
  assert.deepEqual(superuser.readiness?.(), { ready: false, missing: 'postgres: role-bypasses-row-security' })
})
