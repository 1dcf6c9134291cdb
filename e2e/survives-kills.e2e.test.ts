import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { kill } from '../load/chaos/faults/kill.ts'
import { pause } from '../load/chaos/faults/pause.ts'
import { terminateSessions } from '../load/chaos/faults/postgres-sessions.ts'
import { members, removeFolder, startRigStack, type RigStack } from '../load/chaos/rig-stack.ts'
import { judgeRun, openRig, type OpenRig } from '../load/chaos/run-scenario.ts'

/*
 * A private stack under the load, the faults and the oracle of the fault rig (load/chaos/README.md), in one pass; the rig
 * itself does the same for longer and in more ways.
 */
const folder = mkdtempSync(join(tmpdir(), 'csr-survives-'))
let stack: RigStack
let open: OpenRig
before(async () => {
  stack = await startRigStack(join(folder, 'stack'))
  open = await openRig(stack, {
    ...{ seed: 1, folder, perSecond: 40, events: 0, links: null },
    atEnd: () => undefined,
    note: () => undefined,
  })
  open.rig.load.start()
})
after(async () => {
  await open?.rig.load.finish()
  await open?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
  removeFolder(folder)
})

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
