import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@csr/testkit/eventually'
import type { Postgres } from '../src/connect.ts'
import { PostgresUnavailable } from '../src/errors.ts'
import { groupCommit } from '../src/group-commit.ts'
import { statement } from '../src/statement.ts'
import { createScratch, insertNote, tenantA, tenantB, tenantSeen, type Scratch } from './scratch.ts'

const callers = 64
const killEveryMs = 300
const stormMs = 10_000
const pauseMs = 6_000
const longestMs = 3_000
const usableWithinMs = 2_000
/** between two inserts of a caller: the storm is to be felt, not the load */
const breathMs = 10

type Ledger = {
  readonly acknowledged: Set<string>
  readonly refused: Set<string>
  readonly unknown: Set<string>
  readonly unexpected: unknown[]
  slowestMs: number
}

/** 64 callers insert again and again, half of them one by one, half sharing commits; notes what each was told. */
function startLoad(connected: Postgres) {
  const ledger: Ledger = {
    acknowledged: new Set(),
    refused: new Set(),
    unknown: new Set(),
    unexpected: [],
    slowestMs: 0,
  }
  const commits = groupCommit<string, string>({
    run: async (tenantId, ids) => {
      const rows = await connected.group(
        tenantId,
        ids.map((id) => insertNote(tenantId, id, 'shared')),
      )
      return rows.map(([row]) => row?.id ?? '')
    },
  })
  const stopping = new AbortController()

  async function insert(worker: number): Promise<void> {
    const id = randomUUID()
    const tenantId = worker % 4 < 2 ? tenantA : tenantB
    const startMs = performance.now()
    try {
      if (worker % 2 === 0) await connected.group(tenantId, [insertNote(tenantId, id, 'alone'), tenantSeen])
      else assert.equal(await commits.submit(tenantId, id), id)
      ledger.acknowledged.add(id)
    } catch (error) {
      if (!(error instanceof PostgresUnavailable)) ledger.unexpected.push(error)
      else (error.committed === 'no' ? ledger.refused : ledger.unknown).add(id)
    }
    ledger.slowestMs = Math.max(ledger.slowestMs, performance.now() - startMs)
  }

  const workers = Array.from({ length: callers }, async (_, worker) => {
    for (; !stopping.signal.aborted; await delay(breathMs)) await insert(worker)
  })
  return {
    ledger,
    async stop(): Promise<void> {
      stopping.abort()
      await Promise.all(workers)
    },
  }
}

async function terminateAll(scratch: Scratch): Promise<number> {
  const rows = await scratch.admin`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`
  return rows.length
}

function processesOf(postmaster: number): number[] {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
  return [postmaster, ...children.split(' ').filter(Boolean).map(Number)]
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
    }
  }
}

/** Holds the lock again whenever it is lost. */
async function keepHolding(connected: Postgres, until: AbortSignal, count: { held: number }): Promise<void> {
  while (!until.aborted) {
    const lock = await connected.hold('storm', until).catch(() => null)
    if (!lock) return
    count.held += 1
    await new Promise<void>((resolve) => {
      lock.lost.addEventListener('abort', () => resolve(), { once: true })
      until.addEventListener('abort', () => resolve(), { once: true })
    })
    await lock[Symbol.asyncDispose]()
  }
}

async function assertUsable(connected: Postgres, load: { ledger: Ledger }): Promise<void> {
  const before = load.ledger.acknowledged.size
  await eventually(
    () => {
      assert.ok(load.ledger.acknowledged.size >= before + callers)
      assert.deepEqual(connected.readiness?.(), { ready: true })
    },
    { withinMs: usableWithinMs },
  )
  const groups = Array.from({ length: callers }, () => connected.group(tenantA, [statement('select 1')]))
  assert.equal((await Promise.all(groups)).length, callers)
}

test('P1: storm: backends that die every 300 ms and a server paused for 6 s lose nothing that was acknowledged', async (t: TestContext) => {
  await using scratch = await createScratch({ server: 'own' })
  const connected = await scratch.open()
  const server = scratch.database.server.process
  assert.ok(server)
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  process.on('uncaughtException', note).on('unhandledRejection', note)
  const storm = new AbortController()
  const locks = { held: 0 }
  const holding = keepHolding(connected, storm.signal, locks)
  const load = startLoad(connected)
  const { ledger } = load
  try {
    await eventually(() => assert.ok(ledger.acknowledged.size > callers))
    let killed = 0
    for (const endsAt = performance.now() + stormMs; performance.now() < endsAt; await delay(killEveryMs)) {
      killed += await terminateAll(scratch)
    }
    assert.ok(killed > 100, `only ${killed} sessions were ended`)
    assert.ok(ledger.refused.size + ledger.unknown.size > 20, 'the storm was not felt')
    assert.ok(locks.held > 3, `the lock was held ${locks.held} times`)
    await assertUsable(connected, load)

    const paused = processesOf(server.pid())
    signal(paused, 'SIGSTOP')
    try {
      const before = ledger.acknowledged.size
      await delay(pauseMs)
      assert.ok(ledger.acknowledged.size <= before + callers, 'the server was not paused')
      assert.equal(connected.readiness?.().ready, false)
    } finally {
      signal(paused, 'SIGCONT')
    }
    await assertUsable(connected, load)
    const heldBefore = locks.held
    await terminateAll(scratch)
    await eventually(() => assert.ok(locks.held > heldBefore), { withinMs: usableWithinMs })
  } finally {
    await load.stop()
    storm.abort()
    await holding
    process.off('uncaughtException', note).off('unhandledRejection', note)
  }
  t.diagnostic(JSON.stringify({ ...sizes(ledger), slowestMs: Math.round(ledger.slowestMs), locks: locks.held }))
  assert.deepEqual(uncaught, [])
  assert.deepEqual(ledger.unexpected, [])
  assert.ok(ledger.slowestMs < longestMs, `a call took ${ledger.slowestMs} ms`)
  await assertLedger(scratch, connected, ledger)
})

function sizes(ledger: Ledger) {
  const { acknowledged, refused, unknown } = ledger
  return { acknowledged: acknowledged.size, refused: refused.size, unknown: unknown.size }
}

/** Reads after every session is gone: what a deadline left behind may still have been at work. */
async function assertLedger(scratch: Scratch, connected: Postgres, ledger: Ledger): Promise<void> {
  await connected[Symbol.asyncDispose]()
  await eventually(async () => {
    const rows = await scratch.admin`select from pg_stat_activity where usename like 'csr_ingest%'`
    assert.equal(rows.length, 0)
  })
  const rows = await scratch.admin<{ id: string }[]>`select id from scratch.notes`
  const present = new Set(rows.map(({ id }) => id))
  assert.equal(rows.length, present.size)
  assert.deepEqual(
    [...ledger.acknowledged].filter((id) => !present.has(id)),
    [],
    'acknowledged and lost',
  )
  assert.deepEqual(
    [...ledger.refused].filter((id) => present.has(id)),
    [],
    'told to be absent, and present',
  )
  const told = new Set([...ledger.acknowledged, ...ledger.unknown])
  assert.deepEqual(
    [...present].filter((id) => !told.has(id)),
    [],
    'present, and nobody knows of it',
  )
}
