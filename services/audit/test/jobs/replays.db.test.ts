import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { ReplaySettled } from '@csr/contracts/events/audit'
import { createEvent } from '@csr/contracts/events/create-event'
import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import type { BulkReplay } from '@csr/contracts/http/dead-letters'
import { createPostgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock } from '@csr/testkit/fake-clock'
import { carryOutReplays } from '../../src/jobs/carry-out-replays.ts'
import { createBulkReplayStore } from '../../src/store/bulk-replay-store.ts'
import { createDeadLetterStore } from '../../src/store/dead-letter-store.ts'
import { createReplayStore } from '../../src/store/replay-store.ts'

const database = await privateDatabase()
const logger = createLogger({ service: 'audit', destination: { write: () => undefined } })
const urls = { url: database.url('csr_audit'), workerUrl: database.url('csr_audit_worker') }
const postgres = createPostgres({ name: 'audit', ...urls, logger })
await postgres.start?.()
const clock = fakeClock()
const ids = createIds(clock)
const stamp = () => ({ id: ids.uuid(), time: clock.now() })
const wake = () => undefined
const deadLetters = createDeadLetterStore({ postgres, stamp, wake })
const replays = createReplayStore({ postgres, stamp, wake })
const bulks = createBulkReplayStore({ postgres, stamp, wake })
const asker = { actorId: 'operator', requestId: 'request-1' }
const tenants = [ids.uuid(), ids.uuid()] as const

after(async () => {
  await postgres[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})
beforeEach(async () => {
  clock.advanceMs(40 * 86_400_000)
  await deadLetters.expire(clock.nowMs() - 30 * 86_400_000)
})

type Letter = Event<string, DeadLetter>

async function keep(count: number, about: Partial<DeadLetter> = {}): Promise<Letter[]> {
  const letters = Array.from({ length: count }, (_, index) => {
    const tenantId = tenants[index % 2] ?? ''
    const eventId = ids.uuid()
    const at = clock.now()
    return createEvent(
      'dead-letter.profile.v1',
      { ...stamp(), tenantId, subject: eventId, causationId: eventId },
      {
        ...{ consumer: 'profile-on-session-completed', topic: 'ingest.session.completed.v1', stream: 'INGEST' },
        ...{ epoch: 'epoch', sequence: index + 1, eventId, reason: 'exhausted', code: 'TypeError', attempts: 5 },
        ...{ firstAt: at, lastAt: at, traceparent: null, fingerprint: 'group-1', form: 'received', bytes: 2 },
        ...{ payload: '{}', ...about },
      },
    )
  })
  for (const letter of letters) await postgres.group(letter.tenantid, [deadLetters.keep([letter])])
  return letters
}

/** What services would answer to the requests that are in the outbox and were not answered yet. */
const answered = new Set<string>()
async function answerWith(decide: (deadLetterId: string) => 'effective' | 'failed'): Promise<string[]> {
  const rows = await asAdmin<{ payload: string }>(
    `select payload from audit.outbox where topic like 'audit.replay.%' order by id`,
  )
  const requests = rows.map(({ payload }) => JSON.parse(payload) as Event<string, { deadLetterId: string }>)
  const open = requests.filter(({ id }) => !answered.has(id))
  for (const request of open) {
    answered.add(request.id)
    const { deadLetterId } = request.data
    const outcome = decide(deadLetterId)
    const failure =
      outcome === 'failed' ? { reason: 'exhausted', code: 'TypeError', attempts: 1, fingerprint: 'group-1' } : null
    const data = { deadLetterId, consumer: 'profile-on-session-completed', outcome, failure } as ReplaySettled
    const about = { ...stamp(), tenantId: request.tenantid, subject: deadLetterId, causationId: request.id }
    await postgres.group(request.tenantid, [replays.settle([createEvent('profile.replay.settled.v1', about, data)])])
  }
  return open.map(({ data }) => data.deadLetterId)
}

async function asAdmin<Row>(text: string): Promise<Row[]> {
  const [rows] = await postgres.worker([statement<Row>(text)])
  return rows
}

const worker = () => carryOutReplays({ bulks, replays, hold: (name, signal) => postgres.hold(name, signal), logger })

async function ended(id: string, decide: (deadLetterId: string) => 'effective' | 'failed'): Promise<BulkReplay> {
  return await eventually(
    async () => {
      await answerWith(decide)
      const bulk = await bulks.find(id)
      assert.ok(bulk?.endedAt)
      return bulk
    },
    { withinMs: 20_000, what: 'the end of the bulk replay' },
  )
}

test('a group is replayed one first, then the others, each asked for once', async () => {
  const letters = await keep(120)
  const { id } = await bulks.request({ fingerprint: 'group-1' }, asker)
  const running = worker()
  await running.start?.()
  await eventually(async () => assert.equal((await bulks.find(id))?.running, 1), { withinMs: 10_000 })
  assert.equal((await bulks.find(id))?.waiting, 119)
  const first = await answerWith(() => 'effective')
  assert.deepEqual(first, [letters[0]?.id], 'the oldest goes first')
  const bulk = await ended(id, () => 'effective')
  await running[Symbol.asyncDispose]()
  assert.deepEqual([bulk.state, bulk.total, bulk.effective, bulk.failed, bulk.skipped], ['completed', 120, 120, 0, 0])
  for (const letter of letters) {
    const found = await deadLetters.find(letter.id)
    assert.deepEqual([found?.state, found?.replays, found?.acts.length], ['resolved', 1, 1])
  }
})

test('the first repeat of the same failure ends the replay of a group, and leaves other groups alone', async () => {
  const failing = await keep(5)
  const fine = await keep(3, { fingerprint: 'group-2', code: 'RangeError' })
  const { id } = await bulks.request({ service: 'profile' }, asker)
  const running = worker()
  await running.start?.()
  const bulk = await ended(id, (letter) => (failing.some((one) => one.id === letter) ? 'failed' : 'effective'))
  await running[Symbol.asyncDispose]()
  assert.deepEqual([bulk.state, bulk.effective, bulk.failed, bulk.skipped], ['stopped', 3, 1, 4])
  const states = await Promise.all([...failing, ...fine].map(async ({ id: of }) => (await deadLetters.find(of))?.state))
  assert.deepEqual(states, [...Array<string>(5).fill('open'), ...Array<string>(3).fill('resolved')])
  assert.equal((await deadLetters.find(failing[0]?.id ?? ''))?.attempts, 6)
})

test('P2: a bulk replay that dies at any commit goes on where it was: every entry is asked for once', async () => {
  const letters = await keep(24)
  const { id } = await bulks.request({ fingerprint: 'group-1' }, asker)
  for (let deaths = 0; deaths < 200; deaths += 1) {
    const dying = createPostgres({ name: 'audit', ...urls, logger })
    await dying.start?.()
    let left = 1 + (deaths % 7)
    const fail = <Result>(work: () => Promise<Result>): Promise<Result> => {
      left -= 1
      return left < 0 ? Promise.reject(new Error('killed')) : work()
    }
    const mortal: typeof dying = {
      ...dying,
      group: (tenantId, statements, options) => fail(() => dying.group(tenantId, statements, options)),
      worker: (statements, options) => fail(() => dying.worker(statements, options)),
    }
    const running = carryOutReplays({
      bulks: createBulkReplayStore({ postgres: mortal, stamp, wake }),
      replays: createReplayStore({ postgres: mortal, stamp, wake }),
      hold: (name, signal) => dying.hold(name, signal),
      logger,
    })
    await running.start?.()
    await eventually(() => assert.ok(left < 0), { withinMs: 10_000 })
    await running[Symbol.asyncDispose]()
    await dying[Symbol.asyncDispose]()
    await answerWith(() => 'effective')
    if ((await bulks.find(id))?.endedAt) break
  }
  const bulk = await bulks.find(id)
  assert.deepEqual([bulk?.state, bulk?.total, bulk?.effective], ['completed', 24, 24])
  for (const letter of letters) assert.equal((await deadLetters.find(letter.id))?.replays, 1)
})

test('what was asked for twice at once is counted once, and a late failure takes back nothing', async () => {
  const [letter] = await keep(1)
  assert.ok(letter)
  await replays.replay(letter.id, asker)
  await replays.replay(letter.id, asker)
  let asked = 0
  await answerWith(() => (asked++ === 0 ? 'effective' : 'failed'))
  const found = await deadLetters.find(letter.id)
  assert.deepEqual(
    [found?.state, found?.replays, found?.acts.map(({ outcome }) => outcome)],
    ['resolved', 2, ['failed', 'effective']],
  )
})

test('a discarded entry forgets its message, keeps who and why, and cannot be replayed', async () => {
  const [letter] = await keep(1)
  assert.ok(letter)
  assert.equal((await replays.discard(letter.id, asker, 'sent by a load test')).outcome, 'done')
  const found = await deadLetters.find(letter.id)
  assert.deepEqual(
    [found?.state, found?.acts[0]?.actorId, found?.acts[0]?.reason],
    ['discarded', 'operator', 'sent by a load test'],
  )
  const [row] = await asAdmin<{ payload: string }>(`select payload from audit.dead_letters where id = '${letter.id}'`)
  assert.equal(row?.payload, '')
  assert.equal((await replays.replay(letter.id, asker)).outcome, 'refused')
  assert.equal((await replays.discard(letter.id, asker, 'once more')).outcome, 'refused')
  assert.equal((await replays.replay(ids.uuid(), asker)).outcome, 'unknown')
  const [told] = await asAdmin<{ payload: string }>(
    `select payload from audit.outbox where topic = 'audit.dead-letter.discarded.v1' order by id desc limit 1`,
  )
  assert.match(told?.payload ?? '', /"actorId":"operator"/)
})

test('entries and what was done about them are removed after 30 days', async () => {
  const [old] = await keep(1)
  assert.ok(old)
  await replays.replay(old.id, asker)
  clock.advanceMs(31 * 86_400_000)
  const [young] = await keep(1)
  assert.equal(await deadLetters.expire(clock.nowMs() - 30 * 86_400_000), 1)
  assert.equal(await deadLetters.find(old.id), null)
  assert.ok(await deadLetters.find(young?.id ?? ''))
  const acts = await asAdmin(`select id from audit.dead_letter_acts where dead_letter_id = '${old.id}'`)
  assert.deepEqual(acts, [])
})

test('P6: the request role sees and changes entries of its own tenant only; the worker changes none', async () => {
  const [letter] = await keep(1)
  assert.ok(letter)
  const [other] = [tenants[1]]
  const [rows] = await postgres.group(other, [
    statement<{ id: string }>(`select id from audit.dead_letters where id = $1::uuid`, [letter.id]),
  ])
  assert.deepEqual(rows, [])
  await assert.rejects(asAdmin(`update audit.dead_letters set state = 'discarded'`), /42501/)
})

test('lists fit every filter and go on behind a cursor; groups count states', async () => {
  const letters = await keep(5)
  await keep(2, { fingerprint: 'group-2', code: 'RangeError', consumer: 'profile-on-match-created' })
  const list = (filter: Parameters<typeof deadLetters.list>[0]['filter'], before: string | null = null) =>
    deadLetters.list({ filter, before, limit: 50 })
  assert.equal((await list({})).length, 7)
  assert.equal((await list({ consumer: 'profile-on-match-created' })).length, 2)
  assert.equal((await list({ code: 'TypeError', tenant: tenants[0] })).length, 3)
  assert.equal((await list({ service: 'q2q' })).length, 0)
  assert.equal((await list({ until: clock.now() })).length, 0)
  assert.equal((await list({ since: clock.now(), state: 'open', reason: 'exhausted' })).length, 7)
  assert.deepEqual(
    (await list({}, letters[2]?.id)).map(({ id }) => id),
    [letters[1]?.id, letters[0]?.id],
  )
  const groups = await deadLetters.groups({ filter: {}, before: null, limit: 50 })
  assert.deepEqual(
    groups.map(({ fingerprint, count, open }) => [fingerprint, count, open]),
    [
      ['group-2', 2, 2],
      ['group-1', 5, 5],
    ],
  )
  assert.deepEqual(await bulks.preview({ consumer: 'profile-on-match-created' }), {
    total: 2,
    groups: [{ fingerprint: 'group-2', consumer: 'profile-on-match-created', count: 2 }],
  })
})

test('P2: what keeps the answer commits with the act, and where it fails nothing was asked for', async () => {
  const [letter] = await keep(1)
  assert.ok(letter)
  const refused = async () => [statement(`select ops.expect_lease(false)`)]
  await assert.rejects(replays.replay(letter.id, asker, { keep: refused }), /CS003/)
  await assert.rejects(bulks.request({ fingerprint: 'group-1' }, asker, refused), /CS003/)
  const entry = await deadLetters.find(letter.id)
  assert.deepEqual([entry?.state, entry?.replays, entry?.acts], ['open', 0, []])
  assert.deepEqual(await bulks.underWay(), [])

  const kept: unknown[] = []
  const asked = await replays.replay(letter.id, asker, {
    keep: async (act) => {
      kept.push(act)
      return []
    },
  })
  assert.ok(asked.outcome === 'done')
  assert.deepEqual(kept, [asked.act])
  assert.deepEqual((await deadLetters.find(letter.id))?.acts, [asked.act])
  const bulk = await bulks.request({ service: 'profile' }, asker)
  assert.deepEqual(await bulks.find(bulk.id).then((found) => ({ ...bulk, ...found })), {
    ...bulk,
    requestId: asker.requestId,
  })
})
