import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { catalog } from '@csr/contracts/events/catalog'
import { sessionCompleted } from '@csr/contracts/events/ingest'
import { on, RetryLater, Unprocessable } from '@csr/messaging/consume'
import { statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import { eventually } from '@csr/testkit/eventually'
import {
  clock,
  consumer,
  effect,
  ids,
  openRig,
  recording,
  session,
  sourceIdOf,
  tenantId,
  topic,
  type Rig,
} from './rig.ts'

let rig: Rig
let deadBefore = 0
before(async () => {
  rig = await openRig()
})
after(() => rig[Symbol.asyncDispose]())
beforeEach(async () => {
  deadBefore = (await rig.deadLetters()).length
})

const newDeadLetters = async () => (await rig.deadLetters()).slice(deadBefore)
const settled = (withinMs = 15_000) =>
  eventually(
    async () => {
      const { num_pending, num_ack_pending } = await rig.admin.consumers.info('INGEST', consumer)
      assert.deepEqual({ num_pending, num_ack_pending }, { num_pending: 0, num_ack_pending: 0 })
    },
    { withinMs, what: 'everything being acknowledged' },
  )
const untilEffective = (eventId: string) =>
  eventually(async () => assert.equal(await rig.effects(eventId), 1), { withinMs: 15_000, what: 'one effect' })

test('P2: an event that is published twice takes effect once', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const event = session()
  await rig.send(JSON.stringify(event))
  await untilEffective(event.id)
  await rig.send(JSON.stringify(event))
  await rig.send(JSON.stringify(event))
  await settled()
  assert.equal(await rig.effects(event.id), 1)
})

test('P2: copies of an event that arrive together take effect once, and their neighbours too', async () => {
  const events = Array.from({ length: 20 }, () => session())
  for (const event of [...events, ...events]) await rig.send(JSON.stringify(event))
  await using profile = await rig.start('profile', { handlers: [recording()] })
  await settled()
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
  assert.match(await profile.exposition(), /consumer_duplicates_total\{[^}]*\} 20/)
})

test('P2: the same event in the live and in the bulk lane takes effect once', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const event = session()
  await rig.send(JSON.stringify(event), { topic: `bulk.${topic}` })
  await untilEffective(event.id)
  await rig.send(JSON.stringify(event))
  await settled()
  assert.equal(await rig.effects(event.id), 1)
})

test('a handler that fails four times and then works has had one effect and left no dead letter', async () => {
  let failures = 0
  const failing = recording(() => {
    failures += 1
    if (failures <= 4) throw new Error('not yet')
  })
  await using _profile = await rig.start('profile', { handlers: [failing] })
  const event = session()
  await rig.send(JSON.stringify(event))
  await untilEffective(event.id)
  await settled()
  assert.equal(failures, 5)
  assert.deepEqual(await newDeadLetters(), [])
  assert.deepEqual(await rig.look(`select * from profile.started`), [])
})

test('P3: an event that meets the writes of others for long takes effect, and nothing counts against it', async () => {
  let met = 0
  const beaten = on('ingest.session.completed', async (_tenant, events) => {
    met += 1
    const stale = met <= 40 ? [statement('select ops.expect(1, 2)')] : []
    return { statements: [...events.map(effect), ...stale], events: [] }
  })
  await using profile = await rig.start('profile', { handlers: [beaten] })
  const event = session()
  await rig.send(JSON.stringify(event))
  await untilEffective(event.id)
  await settled()
  assert.equal(met, 41)
  const [rows] = await profile.postgres.worker([statement('select attempts from profile.started')])
  assert.deepEqual(rows, [])
  assert.deepEqual(await newDeadLetters(), [])
})

test('P3: what fails five times is one dead letter with its payload and its story, and nothing else of it remains', async () => {
  let attempts = 0
  const failing = recording(() => {
    attempts += 1
    throw new TypeError('a value that must not be told')
  })
  await using profile = await rig.start('profile', { handlers: [failing] })
  const event = session()
  const payload = JSON.stringify(event)
  await rig.send(payload)
  const [letter, ...others] = await eventually(
    async () => {
      const letters = await newDeadLetters()
      assert.equal(letters.length, 1)
      return letters
    },
    { withinMs: 15_000 },
  )
  await settled()
  assert.equal(attempts, 5)
  assert.deepEqual(others, [])
  assert.equal(letter?.payload, payload)
  assert.equal(letter?.eventId, event.id)
  assert.equal(letter?.consumer, consumer)
  assert.equal(letter?.topic, topic)
  assert.equal(letter?.stream, 'INGEST')
  assert.equal(letter?.reason, 'exhausted')
  assert.equal(letter?.code, 'TypeError')
  assert.equal(letter?.attempts, 5)
  assert.ok((letter?.firstAt ?? '') < (letter?.lastAt ?? ''))
  assert.equal(await rig.effects(event.id), 0)
  const inbox = await rig.look(`select state from profile.inbox where event_id = $1`, [event.id])
  assert.deepEqual(inbox, [{ state: 'dead' }])
  assert.deepEqual(await rig.look(`select * from profile.started`), [])

  await rig.send(payload)
  await settled()
  assert.equal((await newDeadLetters()).length, 1)
  assert.match(await profile.exposition(), /consumer_dead_letters_total\{[^}]*reason="exhausted"[^}]*\} 1/)
})

test('what can never be processed is a dead letter at once', async () => {
  let attempts = 0
  const refusing = recording(() => {
    attempts += 1
    throw new Unprocessable('no-such-person')
  })
  await using _profile = await rig.start('profile', { handlers: [refusing] })
  await rig.send(JSON.stringify(session()))
  await eventually(async () => assert.equal((await newDeadLetters()).length, 1))
  const [letter] = await newDeadLetters()
  assert.deepEqual([letter?.reason, letter?.code, attempts], ['unprocessable', 'no-such-person', 1])
})

test('P3: what cannot be read is a dead letter each, sealed byte for byte, and stops nobody', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const misshapen = { ...session(), data: { sourceId: 1 } }
  const elsewhere = { ...session(), type: 'profile.profile.created.v1' }
  const good = session()
  await rig.send('{ no json')
  await rig.send(Uint8Array.of(0xff, 0xfe, 0x00))
  await rig.send(JSON.stringify(misshapen))
  await rig.send(JSON.stringify(elsewhere))
  await rig.send('null')
  await rig.send(JSON.stringify(good))
  await untilEffective(good.id)
  await settled()
  const letters = await eventually(async () => {
    const found = await newDeadLetters()
    assert.equal(found.length, 5)
    return found
  })
  const told = letters.map(({ code, eventId, payload, form, reason }) => [reason, code, eventId, opened(form, payload)])
  assert.deepEqual(
    told.toSorted((one, other) => String(one).localeCompare(String(other))),
    [
      ['undecodable', 'data-invalid', misshapen.id, JSON.stringify(misshapen)],
      ['undecodable', 'envelope-invalid', null, 'null'],
      ['undecodable', 'json-invalid', null, '{ no json'],
      ['undecodable', 'json-invalid', null, 'base64://4A'],
      ['undecodable', 'topic-mismatch', elsewhere.id, JSON.stringify(elsewhere)],
    ].toSorted((one, other) => String(one).localeCompare(String(other))),
  )
})

/** What the vault of these tests sealed. */
function opened(form: string, payload: string): string {
  assert.equal(form, 'sealed')
  return Buffer.from(payload.slice(payload.indexOf('.') + 1), 'base64url').toString()
}

test('without a keyring what cannot be read stays in its stream only, and the dead letter says where', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()], vault: null })
  await rig.send('{ somebody@example.org')
  await eventually(async () => assert.equal((await newDeadLetters()).length, 1))
  const [letter] = await newDeadLetters()
  assert.deepEqual([letter?.form, letter?.payload, letter?.bytes, letter?.stream], ['left', '', 22, 'INGEST'])
})

test('a dead letter fits through the server, however its payload grows when it is quoted', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await rig.send(`{${'"'.repeat(450_000)}`)
  const [letter] = await eventually(
    async () => {
      const letters = await newDeadLetters()
      assert.equal(letters.length, 1)
      return letters
    },
    { withinMs: 15_000 },
  )
  assert.equal(letter?.code, 'json-invalid')
  assert.match(opened(letter?.form ?? '', letter?.payload ?? ''), /^\{"{59999}$/)
})

test('what is older than the inbox remembers is a dead letter, for nobody could tell a repeat', async () => {
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const event = session({ id: uuidFloor(clock.nowMs() - 50 * 86_400_000) })
  await rig.send(JSON.stringify(event))
  await eventually(async () => assert.equal((await newDeadLetters()).length, 1))
  assert.equal((await newDeadLetters())[0]?.reason, 'too-old')
  assert.equal(await rig.effects(event.id), 0)
})

test('P9: a version nobody knows yet is parked, and takes effect once the upgrade knows it', async () => {
  const event = { ...session(), type: 'ingest.session.completed.v2' }
  {
    await using _yesterday = await rig.start('profile', { handlers: [recording()] })
    await rig.send(JSON.stringify(event), { topic: event.type })
    await settled()
    const parked = await rig.look(`select waits_for from profile.parked where event_id = $1`, [event.id])
    assert.deepEqual(parked, [{ waits_for: `version:${event.type}` }])
    assert.equal(await rig.effects(event.id), 0)
  }
  const versions: Record<string, unknown> = catalog
  versions[event.type] = sessionCompleted
  try {
    await using _today = await rig.start('profile', { handlers: [recording()] })
    await untilEffective(event.id)
    assert.deepEqual(await rig.look(`select * from profile.parked`), [])
    assert.deepEqual(await newDeadLetters(), [])
  } finally {
    delete versions[event.type]
  }
})

test('an event that must wait for another is parked and released by it', async () => {
  const there = new Set<string>()
  const child = session({ sourceId: 'child' })
  const parent = session({ sourceId: 'parent' })
  const waiting = on('ingest.session.completed', async (_tenant, events) => {
    for (const event of events) if (sourceIdOf(event) === 'parent') there.add(event.id)
    const early = events.filter((event) => sourceIdOf(event) === 'child' && !there.has(parent.id))
    return {
      statements: events.filter((event) => !early.includes(event)).map(effect),
      events: [],
      parked: early.map(({ id }) => ({ eventId: id, waitsFor: `session:${parent.id}` })),
      releases: events.filter((event) => sourceIdOf(event) === 'parent').map(({ id }) => `session:${id}`),
    }
  })
  await using _profile = await rig.start('profile', { handlers: [waiting] })
  await rig.send(JSON.stringify(child))
  await settled()
  assert.equal(await rig.effects(child.id), 0)
  await rig.send(JSON.stringify(parent))
  await untilEffective(child.id)
  await untilEffective(parent.id)
  assert.deepEqual(await rig.look(`select * from profile.parked`), [])
})

test('a group with one bad member is repeated one by one: the others take effect', async () => {
  const events = Array.from({ length: 12 }, (_, index) => session({ sourceId: index === 5 ? 'bad' : 'fine' }))
  for (const event of events) await rig.send(JSON.stringify(event))
  const picky = recording((event) => {
    if (sourceIdOf(event) === 'bad') throw new Unprocessable('bad')
  })
  await using _profile = await rig.start('profile', { handlers: [picky] })
  await settled()
  for (const event of events) assert.equal(await rig.effects(event.id), sourceIdOf(event) === 'bad' ? 0 : 1)
  await eventually(async () => assert.equal((await newDeadLetters()).length, 1))
})

test('"later" is no attempt: the message is kept, the service says what it waits for, and goes on when it can', async () => {
  let open = false
  let calls = 0
  const waiting = recording(() => {
    calls += 1
    if (!open) throw new RetryLater('the key store is down')
  })
  await using profile = await rig.start('profile', { handlers: [waiting] })
  const events = Array.from({ length: 30 }, () => session())
  for (const event of events) await rig.send(JSON.stringify(event))
  await eventually(() => assert.ok(calls >= 4), { withinMs: 30_000 })
  assert.deepEqual(profile.readiness(), [`${consumer}: RetryLater`])
  open = true
  await settled(20_000)
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
  assert.deepEqual(profile.readiness(), [])
  assert.deepEqual(await newDeadLetters(), [])
  assert.deepEqual(await rig.look(`select * from profile.started`), [])
})

test('a tenant with a thousand events makes another wait for one group at most', async () => {
  const order: string[] = []
  const other = '01940000-0000-7000-8000-0000000000c2'
  const many = Array.from({ length: 400 }, () => session())
  const allDelivered = () =>
    eventually(
      async () => assert.equal((await rig.admin.consumers.info('INGEST', consumer)).num_ack_pending, many.length + 1),
      { withinMs: 15_000, what: 'every event being with the consumer' },
    )
  const noting = recording(async (event) => {
    if (order.length === 0) await allDelivered()
    order.push(event.tenantid)
  })
  for (const event of many) await rig.send(JSON.stringify(event))
  await rig.send(JSON.stringify(session({ tenantId: other, id: ids.uuid() })))
  await using _profile = await rig.start('profile', { handlers: [noting] })
  await settled()
  assert.ok(order.indexOf(other) <= 100, `the other tenant came at place ${order.indexOf(other)}`)
  assert.equal(order.filter((tenant) => tenant === tenantId).length, 400)
})

test('handlers must be those the table of consumptions names', async () => {
  await assert.rejects(rig.start('profile', { handlers: [] }), /declared to consume/)
})
