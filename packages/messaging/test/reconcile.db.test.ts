import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createReconciler, type Reconciler } from '@csr/messaging/reconcile'
import { insertEvents } from '@csr/messaging/outbox'
import type { StreamState } from '@csr/messaging/epochs'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { clock, patiently, session, tenantId } from './rig.ts'

let database: TestDatabase
let postgres: Postgres
const lines: string[] = []
const logger = createLogger({
  service: 'ingest',
  level: 'warn',
  destination: { write: (line) => void lines.push(line) },
})
before(async () => {
  database = await privateDatabase()
  postgres = createPostgres({
    name: 'ingest',
    url: database.url('csr_ingest'),
    workerUrl: database.url('csr_ingest_worker'),
    logger,
  })
  await postgres.start?.()
})
after(async () => {
  await postgres[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** A stream of its own with 30 events of ours in it, as the server shows it. */
async function streamWith30(stream: string, state: Partial<StreamState> = {}) {
  const reconciler = createReconciler({ service: 'ingest', postgres, logger, clock })
  const about: StreamState = {
    ...{ stream, epoch: `epoch-of-${stream}`, firstSequence: 1, lastSequence: 30, missing: 0, own: 0 },
    ...{ lowWater: null, isFull: false, maxAgeDays: 14, ...state },
  }
  const events = Array.from({ length: 30 }, () => session())
  await patiently(() => postgres.group(tenantId, [insertEvents('ingest', events)]))
  await reconciler.compare({ ...about, lastSequence: 0, firstSequence: 0 }, 0)
  const stored = events.map(({ id }, at) => ({ id, stream, epoch: about.epoch, sequence: at + 1, isCopy: false }))
  for (const { id, epoch, sequence } of stored) {
    const mark = 'update ingest.outbox set epoch = $2, sequence = $3 where id = $1'
    await postgres.worker([statement(mark, [id, epoch, sequence])])
  }
  await postgres.worker([reconciler.note(stored)])
  assert.equal(await reconciler.compare(about, 0), null)
  return { reconciler, about, stored }
}

/** What a comparison comes to once it is sure. */
const surely = (reconciler: Reconciler, found: StreamState) =>
  eventually(
    async () => {
      const result = await reconciler.compare(found, 0)
      assert.notEqual(result, 'unsure')
      return result
    },
    { withinMs: 10_000 },
  )

test('a server that answers from the past once raises no alarm', async () => {
  const { reconciler, about } = await streamWith30('INGEST')
  for (const past of [{ lastSequence: 20 }, { missing: 3 }]) {
    assert.equal(await reconciler.compare({ ...about, ...past }, 0), 'unsure')
    assert.equal(await reconciler.compare(about, 0), null)
  }
  assert.deepEqual(lines, [])
})

test('P2: each sign has the rows above the low-water mark sent again, and the log says which it was', async () => {
  const cases: [name: string, found: Partial<StreamState>, sign: string, count: number][] = [
    ['EPOCH', { epoch: 'another', lastSequence: 5, lowWater: null }, 'epoch', 20],
    ['END', { lastSequence: 25 }, 'end', 20],
    ['CUT_BELOW_MARK', { lastSequence: 4 }, 'end', 26],
    ['HOLE', { missing: 7 }, 'hole', 20],
    ['BEGINNING', { firstSequence: 12 }, 'hole', 20],
  ]
  for (const [name, found, sign, count] of cases) {
    const { reconciler, about } = await streamWith30(name, { lowWater: 10 })
    lines.length = 0
    const loss = await surely(reconciler, { ...about, ...found })
    assert.deepEqual(loss, { stream: name, sign, count }, name)
    const told = lines.map((line) => JSON.parse(line) as { event: string; sign: string; stream: string; count: number })
    assert.deepEqual(
      told.map(({ event, sign: by, stream, count: again }) => [event, by, stream, again]),
      [['stream-lost-events', sign, name, count]],
    )
    assert.equal(await reconciler.compare({ ...about, ...found }, 0), null)
  }
})

test('without a mark everything is sent again', async () => {
  const { reconciler, about } = await streamWith30('UNMARKED')
  assert.deepEqual(await surely(reconciler, { ...about, epoch: 'yet-another' }), {
    ...{ stream: 'UNMARKED', sign: 'epoch', count: 30 },
  })
})

test('what left a stream by its age, or after everybody had read it, is no loss', async () => {
  const { reconciler, about } = await streamWith30('AGED', { lowWater: 20 })
  assert.equal(await reconciler.compare({ ...about, firstSequence: 21 }, 0), null)
  const later = { ...clock, nowMs: () => clock.nowMs() + 14 * 86_400_000 }
  const old = createReconciler({ service: 'ingest', postgres, logger, clock: later })
  assert.equal(await old.compare({ ...about, firstSequence: 29 }, 0), null)
})

test('a full stream gets back what it dropped once its durables are past its beginning', async () => {
  const { reconciler, about } = await streamWith30('FULL', { lowWater: 5 })
  const dropped = { ...about, firstSequence: 11, isFull: true }
  assert.equal(await reconciler.compare(dropped, 0), null)
  const caughtUp = { ...dropped, lowWater: 15 }
  assert.deepEqual(await surely(reconciler, caughtUp), { stream: 'FULL', sign: 'hole', count: 25 })
})

test('two events in one place are noticed, one event that is answered twice is not', async () => {
  const { reconciler, about, stored } = await streamWith30('TWICE')
  const [first] = stored
  assert.ok(first)
  assert.deepEqual(await reconciler.strangers([{ ...first, isCopy: true }]), [])
  const another = { ...first, id: session().id, isCopy: true }
  assert.deepEqual(await reconciler.strangers([another]), ['TWICE'])
  reconciler.suspect('TWICE')
  assert.deepEqual(await reconciler.compare(about, 0), { stream: 'TWICE', sign: 'other-row', count: 30 })
})
