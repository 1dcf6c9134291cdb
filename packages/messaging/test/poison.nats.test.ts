import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Event } from '@csr/contracts/events/envelope'
import { RetryLater } from '@csr/messaging/consume'
import { arrayOf } from '@csr/postgres/statement'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock } from '@csr/testkit/fake-clock'
import { consumer, openRig, recording, session, sourceIdOf, type Rig } from './rig.ts'

/*
 * Poison in company: one message in 50. Every good one takes effect soon, every poison is one dead letter, and nothing else
 * is. Poison that ends its process is in poison-process.nats.test.ts.
 */
let rig: Rig
let deadBefore = 0
let effectsBefore = 0
before(async () => {
  rig = await openRig()
  await rig.setAckWait(2_000)
})
after(() => rig[Symbol.asyncDispose]())
beforeEach(async () => {
  deadBefore = (await rig.deadLetters()).length
  effectsBefore = await rig.effects()
})

const oneInFifty = (count: number) =>
  Array.from({ length: count }, (_, index) => session({ sourceId: index % 50 === 17 ? 'poison' : 'fine' }))
const isPoison = (event: Event) => sourceIdOf(event) === 'poison'

const send = (events: readonly Event[]) => Promise.all(events.map((event) => rig.send(JSON.stringify(event))))

const goodTookEffect = (events: readonly Event[], withinMs: number) =>
  eventually(
    async () => assert.equal((await rig.effects()) - effectsBefore, events.filter((e) => !isPoison(e)).length),
    {
      withinMs,
      what: 'every good event in effect',
    },
  )

/** Each poison is there once, and nothing else. */
async function eachOnce(events: readonly Event[], withinMs: number): Promise<void> {
  const wanted = events.filter(isPoison).map(({ id }) => id)
  const found = async () => (await rig.deadLetters()).slice(deadBefore).map(({ eventId }) => eventId)
  await eventually(async () => assert.equal((await found()).length, wanted.length), { withinMs, what: 'dead letters' })
  assert.deepEqual((await found()).toSorted(), wanted.toSorted())
  const rows = await rig.look<{ event_id: string }>(
    `select event_id from profile.test_effects where event_id = any($1::uuid[])`,
    [arrayOf(events.map(({ id }) => id))],
  )
  assert.deepEqual(
    rows.map(({ event_id }) => event_id).toSorted(),
    events
      .filter((event) => !isPoison(event))
      .map(({ id }) => id)
      .toSorted(),
  )
  assert.deepEqual(await rig.look(`select * from profile.started`), [])
}

/** How long as many good events take. */
async function normalMs(count: number): Promise<number> {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const events = Array.from({ length: count }, () => session())
  const startMs = performance.now()
  await send(events)
  await goodTookEffect(events, 30_000)
  effectsBefore += count
  return performance.now() - startMs
}

test('P3: one message in 50 throws: all others are effective within 10 s of normal, each poison is one dead letter', async () => {
  const usualMs = await normalMs(500)
  const throwing = recording((event) => {
    if (isPoison(event)) throw new TypeError('poison')
  })
  await using _profile = await rig.start('profile', { handlers: [throwing] })
  const events = oneInFifty(500)
  const startMs = performance.now()
  await send(events)
  await goodTookEffect(events, usualMs + 10_000)
  assert.ok(performance.now() - startMs < usualMs + 10_000)
  await eachOnce(events, 30_000)
})

test('P3: one message in 50 never ends: all others are effective within 10 s of normal, each poison is one dead letter', async () => {
  const usualMs = await normalMs(500)
  const never = new Promise<void>(() => undefined)
  const hanging = recording((event) => (isPoison(event) ? never : undefined))
  const patience = { handlerMs: 2_500 }
  await using _profile = await rig.start('profile', { handlers: [hanging], patience, delaysMs: [50, 50] })
  const events = oneInFifty(500)
  const startMs = performance.now()
  await send(events)
  await goodTookEffect(events, usualMs + 10_000)
  assert.ok(performance.now() - startMs < usualMs + 10_000)
  const later = Array.from({ length: 50 }, () => session())
  await send(later)
  await eventually(
    async () => {
      for (const event of later) assert.equal(await rig.effects(event.id), 1)
    },
    { withinMs: 10_000, what: 'what comes while poison hangs' },
  )
  await eachOnce(events, 60_000)
})

test('P3: with NATS away meanwhile no dead letter is missing, and none is there twice', async () => {
  const throwing = recording((event) => {
    if (isPoison(event)) throw new TypeError('poison')
  })
  const events = oneInFifty(150)
  await send(events)
  {
    await using _profile = await rig.start('profile', { handlers: [throwing], delaysMs: [200, 200] })
    await eventually(async () => assert.ok((await rig.effects()) > effectsBefore), { withinMs: 20_000 })
    await rig.nats.kill()
    await eventually(
      async () => {
        const rows = await rig.look(
          `select id from profile.outbox where topic = 'dead-letter.profile.v1' and sequence is null`,
        )
        const tried = await rig.look(`select event_id from profile.started where attempts > 0`)
        assert.ok(rows.length + tried.length >= 3)
      },
      { withinMs: 20_000, what: 'poison on record while NATS is away' },
    )
  }
  await using _profile = await rig.start('profile', { handlers: [throwing], delaysMs: [200, 200] })
  await rig.nats.start()
  await goodTookEffect(events, 30_000)
  await eachOnce(events, 60_000)
})

test('P8: a dependency that is away for half an hour dead-letters nothing, and what waited takes effect once', async () => {
  const time = fakeClock()
  let away = true
  let tries = 0
  const depending = recording(() => {
    tries += 1
    if (away) throw new RetryLater('the key store is down')
  })
  await rig.setAckWait(1_000)
  await using profile = await rig.start('profile', { handlers: [depending], clock: time })
  const events = Array.from({ length: 60 }, () => session())
  await send(events)
  for (let minutes = 0; minutes < 30; minutes += 10) {
    const triesBefore = tries
    await eventually(() => assert.ok(tries > triesBefore), { withinMs: 15_000, what: 'one more try' })
    assert.ok(profile.readiness().includes(`${consumer}: RetryLater`))
    time.advanceMs(10 * 60_000)
  }
  assert.equal(await rig.effects(), effectsBefore)
  away = false
  await goodTookEffect(events, 30_000)
  await eachOnce(events, 5_000)
})
