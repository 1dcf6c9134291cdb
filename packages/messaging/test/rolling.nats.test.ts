import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Event } from '@csr/contracts/events/envelope'
import { eventually } from '@csr/testkit/eventually'
import { consumer, openRig, recording, session, type Rig } from './rig.ts'

const program = fileURLToPath(new URL('./rolling-process.ts', import.meta.url))
const ackWaitMs = 2_000

let rig: Rig
const children: ChildProcess[] = []
before(async () => {
  rig = await openRig()
  await rig.setAckWait(ackWaitMs)
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
after(() => rig[Symbol.asyncDispose]())

type Told = { readonly begins: string; readonly tags: readonly string[] | null }

/** A replica in a process of its own; `told` is what it has begun. */
function startReplica(settings: { takesMs?: number; knows?: number } = {}) {
  const roles = ['csr_profile', 'csr_profile_worker']
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      CSR_TEST_TAKES_MS: String(settings.takesMs ?? 0),
      CSR_TEST_KNOWS: String(settings.knows ?? 1),
      CSR_TEST_URLS: JSON.stringify(Object.fromEntries(roles.map((role) => [role, rig.database.url(role)]))),
      CSR_TEST_NATS: rig.nats.url,
      CSR_TEST_CREDENTIALS: rig.nats.credentialsFile('profile'),
    },
  })
  children.push(child)
  const told: Told[] = []
  child.on('message', (message) => 'begins' in (message as object) && told.push(message as Told))
  return { child, told }
}

const unsettled = async () => {
  const { num_pending, num_ack_pending } = await rig.admin.consumers.info('INGEST', consumer)
  return { num_pending, num_ack_pending }
}
const settled = (withinMs = 30_000) =>
  eventually(async () => assert.deepEqual(await unsettled(), { num_pending: 0, num_ack_pending: 0 }), {
    withinMs,
    what: 'everything being acknowledged',
  })

test('P2: a consumer paused for twice its ack wait and resumed after another took over has had one effect', async () => {
  const paused = startReplica({ takesMs: 1_000 })
  const events = Array.from({ length: 5 }, () => session())
  for (const event of events) await rig.send(JSON.stringify(event))
  await eventually(() => assert.ok(paused.told.length > 0), { withinMs: 20_000, what: 'the first replica at work' })
  paused.child.kill('SIGSTOP')
  const pausedMs = performance.now()
  {
    await using _other = await rig.start('profile', { handlers: [recording()] })
    for (const { id } of events)
      await eventually(async () => assert.equal(await rig.effects(id), 1), { withinMs: 30_000, what: id })
    await wait(Math.max(0, pausedMs + 2 * ackWaitMs - performance.now()))
    const begunBefore = paused.told.length
    paused.child.kill('SIGCONT')
    await eventually(() => assert.ok(paused.told.length > begunBefore), {
      withinMs: 20_000,
      what: 'the replica going on',
    })
    await settled()
  }
  for (const { id } of events) assert.equal(await rig.effects(id), 1)
  assert.equal(paused.child.exitCode, null)
  assert.equal(paused.child.signalCode, null, 'its watchdog took the pause for no hang')
  const one = session()
  await rig.send(JSON.stringify(one))
  await eventually(async () => assert.equal(await rig.effects(one.id), 1), { what: 'the resumed replica at work' })
  await eventually(async () => assert.deepEqual(await rig.look(`select * from profile.started`), []))
  assert.deepEqual(await rig.deadLetters(), [])
})

test('P9: a rolling upgrade: what the old replica does not know is parked, the new one brings it to effect once', async () => {
  await using _old = await rig.start('profile', { handlers: [recording()] })
  const { topics: _, ...rest } = session().data as Record<string, unknown>
  const second = (): Event => ({
    ...session(),
    type: 'ingest.session.completed.v2',
    data: { ...rest, tags: ['new shape'] },
  })
  const early = Array.from({ length: 10 }, second)
  for (const event of early) await rig.send(JSON.stringify(event), { topic: event.type })
  await settled()
  const parked = () => rig.look<{ event_id: string }>(`select event_id from profile.parked`)
  assert.equal((await parked()).length, early.length)

  const upgraded = startReplica({ knows: 2 })
  for (const { id } of early)
    await eventually(async () => assert.equal(await rig.effects(id), 1), { withinMs: 20_000, what: id })
  assert.deepEqual(await parked(), [])
  assert.ok(upgraded.told.every(({ tags }) => tags?.[0] === 'new shape'))

  // both at work: the old one goes on with what it knows, and the new one reads that in the new shape
  const old = Array.from({ length: 40 }, () => session())
  for (const event of old) await rig.send(JSON.stringify(event))
  for (const { id } of old)
    await eventually(async () => assert.equal(await rig.effects(id), 1), { withinMs: 20_000, what: id })
  await settled()
  const known = new Set(old.map(({ id }) => id))
  for (const { begins, tags } of upgraded.told) if (known.has(begins)) assert.deepEqual(tags, [])
  for (const { id } of early) assert.equal(await rig.effects(id), 1)
})

test('P9: SIGTERM: what runs is settled, what only waits is given back at once, and the process ends with 0', async () => {
  await rig.setAckWait(60_000)
  const leaving = startReplica({ takesMs: 400 })
  const events = Array.from({ length: 60 }, () => session())
  for (const event of events) await rig.send(JSON.stringify(event))
  await eventually(() => assert.ok(leaving.told.length > 0), { withinMs: 20_000, what: 'the replica at work' })
  const ended = once(leaving.child, 'exit')
  const askedMs = performance.now()
  leaving.child.kill('SIGTERM')
  const [code] = (await ended) as [number | null]
  assert.equal(code, 0)
  assert.ok(performance.now() - askedMs < 10_000)
  const begun = new Set(leaving.told.map(({ begins }) => begins))
  assert.ok(begun.size < events.length, 'some only waited')
  const endedMs = performance.now()
  await using _other = await rig.start('profile', { handlers: [recording()] })
  for (const { id } of events)
    await eventually(async () => assert.equal(await rig.effects(id), 1), { withinMs: 20_000, what: id })
  assert.ok(performance.now() - endedMs < 20_000, 'nothing waited for the ack wait')
  await settled()
  for (const { id } of events) assert.equal(await rig.effects(id), 1)
  await rig.setAckWait(ackWaitMs)
})

test('a slow consumer with 20,000 events waiting holds its window and no more', { timeout: 120_000 }, async (t) => {
  const filler = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(100, 'x'))
  const large = (): string => {
    const event = session()
    return JSON.stringify({ ...event, data: { ...(event.data as object), topics: filler } })
  }
  for (let sent = 0; sent < 20_000; sent += 500) await Promise.all(Array.from({ length: 500 }, () => rig.send(large())))
  const { child, told } = startReplica({ takesMs: 200 })
  await eventually(() => assert.ok(told.length >= 5), { withinMs: 20_000, what: 'the slow consumer at work' })
  const megabytes = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  const atFirst = megabytes()
  let most = atFirst
  let held = 0
  await eventually(
    async () => {
      most = Math.max(most, megabytes())
      held = Math.max(held, (await unsettled()).num_ack_pending)
      assert.ok(told.length >= 30)
    },
    { withinMs: 30_000, what: 'some of it' },
  )
  t.diagnostic(`${Math.round(atFirst)} MB at the start, ${Math.round(most)} MB at most, ${held} held`)
  assert.ok((await unsettled()).num_pending > 18_000, 'the rest waits in the stream')
  assert.ok(held <= 512, `${held} messages were held`)
  assert.ok(most - atFirst < 60, `it grew by ${Math.round(most - atFirst)} MB`)
})
