import type { ChildProcess } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Service } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import postgres from 'postgres'
import { consumer, openRig, session, tenantId, topic, type Rig } from '../../packages/messaging/test/rig.ts'
import type { BenchStack } from './bench-stack.ts'
import { end, startProgram } from './child-program.ts'
import type { BenchRow } from './measured.ts'
import { publishBare } from './relay.ts'

const eventsTotal = 20_000
const perCommit = 500
const underWay = 64
const rowsPerStatement = 100
/** rows that the inbox of the consumer holds before the first and before the second measurement */
const inboxes = [10_000, 5_000_000] as const
const ratioGoal = 0.35
/** the rate with the larger inbox, as a share of that with the smaller one */
const flatGoal = 0.8

/**
 * How many events a second come from a full outbox to their effect, one row each, over relay, stream and consumer, in a
 * process each: against a loop that only publishes such events, and one that only writes such rows. Measured with a small
 * inbox and with a large one. On servers of its own.
 */
export async function outboxToEffect(_stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  await using rig = await openRig({ ownPostgres: true })
  const published = await publishBare(rig, { to: topic, events: eventsTotal, underWay })
  note(`JetStream alone: ${published.toFixed(0)}/s`)
  const written = await writeBare(rig)
  note(`rows alone: ${written.toFixed(0)}/s`)
  const rates: number[] = []
  for (const [turn, rows] of inboxes.entries()) {
    await fillInbox(rig, rows)
    rates.push(await moveAll(rig, (turn + 1) * eventsTotal))
    note(`outbox to effect, ${rows} in the inbox: ${rates.at(-1)?.toFixed(0)}/s`)
  }
  const [small = 0, large = 0] = rates
  const ratio = small / published
  const flat = large / small
  return {
    name: 'outbox-to-effect',
    unit: 'events/s',
    ours: small,
    bare: published,
    ratio,
    ...{ p50Ms: null, p95Ms: null, p99Ms: null },
    goal: `ratio >= ${ratioGoal}, and at least ${flatGoal} of it with ${inboxes[1]} rows in the inbox`,
    met: ratio >= ratioGoal && flat >= flatGoal,
    notes: [
      `bare: JetStream publish, ${underWay} in flight, every message synced`,
      `with ${inboxes[1]} rows in the inbox ${large.toFixed(0)}/s, ${flat.toFixed(2)} of the rate with ${inboxes[0]}`,
      `rows alone, ${rowsPerStatement} upserts a statement: ${written.toFixed(0)}/s, of which ours is ${(small / written).toFixed(2)}`,
    ],
  }
}

/** One connection, one statement after the other, each a commit of its own. */
async function writeBare(rig: Rig): Promise<number> {
  return await withAdmin(rig, async (sql) => {
    await sql`create table profile.bare_effects (tenant_id uuid not null, event_id uuid primary key)`
    const ids = Array.from({ length: eventsTotal }, () => session().id)
    const startedMs = performance.now()
    for (let from = 0; from < ids.length; from += rowsPerStatement) {
      await sql`insert into profile.bare_effects (tenant_id, event_id)
        select ${tenantId}, id from unnest(${`{${ids.slice(from, from + rowsPerStatement).join(',')}}`}::uuid[]) as e (id)
        on conflict (event_id) do update set tenant_id = excluded.tenant_id`
    }
    return eventsTotal / ((performance.now() - startedMs) / 1_000)
  })
}

/** Rows of this consumer of the last hours, so that they share a partition with what comes. */
async function fillInbox(rig: Rig, rows: number): Promise<void> {
  await withAdmin(rig, async (sql) => {
    const [held] = await sql<[{ count: string }]>`select count(*) from profile.inbox`
    const missing = rows - Number(held.count)
    await sql`insert into profile.inbox (tenant_id, consumer, event_id)
      select ${tenantId}, ${consumer}, uuidv7(random() * interval '-3 hours') from generate_series(1, ${missing})`
    await sql`vacuum analyze profile.inbox`
    await sql`checkpoint`
  })
}

/** The outbox fills before its relay starts, and after `before` earlier events took effect; time counts from effect to effect. */
async function moveAll(rig: Rig, before: number): Promise<number> {
  const running = [startService(rig, 'profile')]
  try {
    while ((await rig.effects()) < before) await wait(50)
    await fillOutbox(rig)
    running.push(startService(rig, 'ingest'))
    let startedMs = 0
    let first = 0
    for (;;) {
      const count = (await rig.effects()) - before
      if (count === eventsTotal) return (eventsTotal - first) / ((performance.now() - startedMs) / 1_000)
      if (startedMs === 0 && count > 0) [startedMs, first] = [performance.now(), count]
      await wait(50)
    }
  } finally {
    await Promise.all(running.map(end))
  }
}

async function fillOutbox(rig: Rig): Promise<void> {
  await withAdmin(rig, async (sql) => {
    for (let made = 0; made < eventsTotal; made += perCommit) {
      const { text, values } = insertEvents(
        'ingest',
        Array.from({ length: perCommit }, () => session()),
      )
      await sql.unsafe(text, values as postgres.ParameterOrJSON<never>[])
    }
  })
}

/** A process with the relay of a service, and the consumers of `profile`: one row for each event. */
function startService(rig: Rig, service: Service): ChildProcess {
  const roles = [`csr_${service}`, `csr_${service}_worker`]
  return startProgram('../../packages/messaging/test/consuming-process.ts', {
    env: {
      ...process.env,
      CSR_TEST_SERVICE: service,
      CSR_TEST_URLS: JSON.stringify(Object.fromEntries(roles.map((role) => [role, rig.database.url(role)]))),
      CSR_TEST_NATS: rig.nats.url,
      CSR_TEST_CREDENTIALS: rig.nats.credentialsFile(service),
    },
  })
}

async function withAdmin<Result>(rig: Rig, work: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
  const sql = postgres(rig.database.adminUrl, { max: 1, fetch_types: false, onnotice: () => undefined })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}
