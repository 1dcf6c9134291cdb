import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { getOutbox } from '@csr/contracts/http/outbox'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { eventually } from '@csr/testkit/eventually'
import type { Fault } from '../load/chaos/fault.ts'
import { kill } from '../load/chaos/faults/kill.ts'
import { sumOfMetric } from '../load/chaos/faults/metrics.ts'
import { cutStore, deleteStore } from '../load/chaos/faults/nats-store.ts'
import { pause } from '../load/chaos/faults/pause.ts'
import { terminateSessions } from '../load/chaos/faults/postgres-sessions.ts'
import { openUnderLoad } from '../load/chaos/open-under-load.ts'
import { members } from '../load/chaos/rig-stack.ts'
import { judgeRun, type OpenRig } from '../load/chaos/run-scenario.ts'

/*
 * A private stack under the load, the faults and the oracle of the fault rig (load/chaos/README.md), in one pass; the rig
 * itself does the same for longer and in more ways.
 */
let open: OpenRig
before(async () => {
  open = await openUnderLoad({ perSecond: 40 })
})
after(() => open?.[Symbol.asyncDispose]())

/** Everything that was accepted has had its whole effect, once; the load rests meanwhile. */
async function everythingEffectiveOnce(): Promise<void> {
  const { rig, companies } = open
  await rig.load.rest()
  assert.ok(await rig.settled(120_000), JSON.stringify(rig.underWay))
  const { findings, reports } = await judgeRun(rig, companies)
  assert.deepEqual(findings, [])
  assert.ok(reports.effective >= reports.accepted && reports.accepted > 0)
  rig.load.resume()
}

test('P2: kill -9 of each service, of nats-server and of PostgreSQL while webhooks go in loses and doubles nothing', async () => {
  const { rig } = open
  for (const member of members) {
    await rig.load.accepts(20, 60_000)
    await rig.suffer(kill(member))
  }
  assert.deepEqual(
    rig.faults.filter(({ outcome }) => outcome !== 'recovered'),
    [],
  )
  await rig.load.burst(200)
  assert.ok(rig.load.accepted >= 500)
  await everythingEffectiveOnce()
})

test('P1: a storm of ended sessions and a paused PostgreSQL: no answer takes longer than three seconds, nothing is lost', async () => {
  const { rig } = open
  using seen = rig.load.watch()
  await rig.suffer(terminateSessions, { forMs: 10_000 })
  assert.ok(seen.accepted > 20, 'webhooks were accepted in the storm')
  const resume = await pause('postgres').inject(rig)
  await delay(pausedMs)
  await resume()
  await rig.load.accepts(1, 2_000)
  await rig.load.accepts(50, 30_000)
  assert.ok(seen.slowestMs < 3_000, `the slowest answer took ${seen.slowestMs} ms`)
  await everythingEffectiveOnce()
  assert.deepEqual(grepLogs('uncaught-exception\\|unhandled-rejection'), [])
})

const pausedMs = 6_000

test('P4: no e-mail address, name or text is in the data folder, the write-ahead log, the stream store or any log', async () => {
  const { stack } = open.rig
  await stack.ask((sql) => sql`checkpoint`)
  const { document } = stack
  const places = [document.postgres.dataDir, document.nats.storeDir, document.logsDir].filter((place) => place !== null)
  assert.equal(places.length, 3)
  for (const place of places) assert.ok(readdirSync(place).length > 0, `${place} holds something`)
  for (const needle of ['@example.org', 'Synthetic participant', 'I feel more confident']) {
    const found = grep(needle, places)
    assert.deepEqual(found, [], `${needle} stands in plain text`)
  }
  assert.notDeepEqual(grep('session.completed', places), [], 'the search finds what is there')
})

/** What nats-server loses is published again, and the services say that it was lost. */
async function loses(fault: Fault): Promise<void> {
  const { rig } = open
  const acceptedBefore = rig.load.accepted
  await rig.load.burst(100)
  const losses = await sumOfMetric(rig.stack, 'stream_losses_total')
  await rig.suffer(fault)
  await rig.load.accepts(20, 60_000)
  await everythingEffectiveOnce()
  assert.ok((await sumOfMetric(rig.stack, 'stream_losses_total')) > losses, 'the metric was raised')
  assert.ok(rig.load.accepted - acceptedBefore > 100)
}

test('P2: services go on through a broker that lost its store, and everything accepted is effective once', async () => {
  await loses(deleteStore)
  await loses(cutStore)
  const { load, stack } = open.rig
  const client = createGatewayClient(stack.document.gateway)
  const token = await stack.token({ role: 'platform_admin' })
  await load.rest()
  const { streams } = await eventually(async () => {
    const outbox = await client.call(getOutbox('ingest'), { token })
    assert.equal(outbox.unsent, 0)
    return outbox
  })
  const loss = streams.find(({ stream: name }) => name === 'INGEST')?.lastLoss
  assert.ok(loss && loss.count > 0)
})

function grepLogs(pattern: string): string[] {
  return grep(pattern, [open.rig.stack.document.logsDir])
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
