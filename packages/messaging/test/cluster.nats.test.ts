import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { insertEvents } from '@csr/messaging/outbox'
import { statement } from '@csr/postgres/statement'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { privateNatsCluster, type TestNatsCluster } from '@csr/testkit/nats-cluster'
import {
  createEffects,
  ids,
  patiently,
  recording,
  session,
  startService,
  tenantId,
  type RunningService,
} from './rig.ts'

let database: TestDatabase
let nats: TestNatsCluster
let ingest: RunningService
let profile: RunningService
before(async () => {
  ;[database, nats] = await Promise.all([privateDatabase(), privateNatsCluster()])
  await createEffects(database)
  ingest = await startService({ database, nats }, 'ingest', {})
  profile = await startService({ database, nats }, 'profile', { handlers: [recording()] })
})
after(async () => {
  await profile?.[Symbol.asyncDispose]()
  await ingest?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const perSecond = 300
const turnMs = 100

/** Commits events to the outbox at a steady rate until it is ended, and tells how many. */
function load(): { end(): Promise<number> } {
  const ending = new AbortController()
  let written = 0
  async function run(): Promise<number> {
    while (!ending.signal.aborted) {
      const startedMs = performance.now()
      const events = Array.from({ length: (perSecond * turnMs) / 1_000 }, () => session())
      await patiently(() => ingest.postgres.group(tenantId, [insertEvents('ingest', events)]))
      await ingest.publish([])
      written += events.length
      await pause(Math.max(0, turnMs - (performance.now() - startedMs)))
    }
    return written
  }
  const running = run()
  return {
    end: () => {
      ending.abort()
      return running
    },
  }
}

/** Seconds until an event that is written from now on has had its effect. */
async function untilEffective(): Promise<number> {
  const startedMs = performance.now()
  const first = ids.uuid()
  await eventually(
    async () => {
      const [[row]] = await profile.postgres.worker([
        statement<{ found: boolean }>(`select exists (select from profile.test_effects where event_id > $1) as found`, [
          first,
        ]),
      ])
      assert.ok(row?.found, 'no effect yet')
    },
    { withinMs: 30_000, what: 'an effect' },
  )
  return (performance.now() - startedMs) / 1_000
}

async function effects(): Promise<{ all: number; distinct: number }> {
  const counts = `select count(*)::int as "all", count(distinct event_id)::int as "distinct" from profile.test_effects`
  const [[row]] = await profile.postgres.worker([statement<{ all: number; distinct: number }>(counts)])
  return row ?? { all: 0, distinct: 0 }
}

test('P2: under 300 events a second the leader of a stream is killed, the next one frozen: service within 15 s, each event once', async (t) => {
  const running = load()
  const normal = await untilEffective()

  const killed = await nats.leaderOf('INGEST')
  await killed.kill()
  const afterKill = await untilEffective()
  await killed.start()

  const frozen = await nats.leaderOf('INGEST')
  frozen.pause()
  const whileFrozen = await untilEffective()
  frozen.resume()
  await untilEffective()

  const written = await running.end()
  await eventually(async () => assert.deepEqual(await effects(), { all: written, distinct: written }), {
    withinMs: 30_000,
    what: 'each event effective once',
  })
  t.diagnostic(
    `${written} events; from commit to effect ${normal.toFixed(1)} s, with the leader killed ${afterKill.toFixed(1)} s, ` +
      `with the leader frozen ${whileFrozen.toFixed(1)} s`,
  )
  assert.ok(afterKill < 15, `${afterKill} s after the kill`)
  assert.ok(whileFrozen < 15, `${whileFrozen} s while it is frozen`)
})
