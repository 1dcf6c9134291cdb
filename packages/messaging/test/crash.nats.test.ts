import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Service } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import { eventually } from '@csr/testkit/eventually'
import { consumer, openRig, recording, session, sourceIdOf, tenantId, type Rig, patiently } from './rig.ts'

const program = fileURLToPath(new URL('./consuming-process.ts', import.meta.url))

let rig: Rig
let deadBefore = 0
before(async () => {
  rig = await openRig()
  await rig.setAckWait(1_500)
})
after(() => rig[Symbol.asyncDispose]())
beforeEach(async () => {
  deadBefore = (await rig.deadLetters()).length
})

type End = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** Runs a service in a process of its own until it ends, by its own fault or by `end`. */
function run(fault: string, service: Service = 'profile') {
  const roles = [`csr_${service}`, `csr_${service}_worker`]
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      CSR_TEST_FAULT: fault,
      CSR_TEST_SERVICE: service,
      CSR_TEST_URLS: JSON.stringify(Object.fromEntries(roles.map((role) => [role, rig.database.url(role)]))),
      CSR_TEST_NATS: rig.nats.url,
      CSR_TEST_CREDENTIALS: rig.nats.credentialsFile(service),
    },
  })
  const ended: Promise<End> = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  return {
    ended,
    async end() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const acknowledged = (withinMs = 30_000) =>
  eventually(
    async () => {
      const { num_pending, num_ack_pending } = await rig.admin.consumers.info('INGEST', consumer)
      assert.deepEqual({ num_pending, num_ack_pending }, { num_pending: 0, num_ack_pending: 0 })
    },
    { withinMs, what: 'everything being acknowledged' },
  )

test('P2: a consumer killed between commit and acknowledgement has had one effect', async () => {
  const events = Array.from({ length: 10 }, () => session())
  for (const event of events) await rig.send(JSON.stringify(event))
  const killed = await run('after-commit').ended
  assert.equal(killed.signal, 'SIGKILL')
  const committed = await rig.effects()
  assert.ok(committed > 0, 'it was killed after a commit')

  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await acknowledged()
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
  assert.deepEqual(await rig.look(`select * from profile.started`), [])
})

test('P2: a relay killed between publish and mark publishes again, and the event takes effect once', async () => {
  const events = Array.from({ length: 10 }, () => session())
  const { state } = await rig.admin.streams.info('INGEST')
  {
    await using ingest = await rig.start('ingest')
    await eventually(() => ingest.postgres.group(tenantId, [insertEvents('ingest', [session()])]))
    await eventually(async () => assert.ok((await rig.admin.streams.info('INGEST')).state.last_seq > state.last_seq))
  }
  const child = run('before-mark', 'ingest')
  await insert(events)
  const killed = await child.ended
  assert.equal(killed.signal, 'SIGKILL')
  const [unmarked] = await rig.look<{ count: number }>(
    `select count(*) as count from ingest.outbox where sequence is null`,
    [],
    'ingest',
  )
  assert.ok((unmarked?.count ?? 0) > 0, 'it was killed before the mark')

  await using _ingest = await rig.start('ingest')
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  for (const event of events)
    await eventually(async () => assert.equal(await rig.effects(event.id), 1), { withinMs: 15_000 })
  await acknowledged()
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
})

async function insert(events: Parameters<typeof insertEvents>[1]): Promise<void> {
  const { createPostgres } = await import('@csr/postgres/connect')
  const { createLogger } = await import('@csr/runtime/logger')
  const logger = createLogger({ service: 'ingest', level: 'error' })
  await using postgres = createPostgres({ name: 'ingest', url: rig.database.url('csr_ingest'), logger })
  await postgres.start?.()
  await eventually(() => postgres.group(tenantId, [insertEvents('ingest', events)]))
}

test(
  'P3: an event that ends its process is found out alone; its neighbours take effect',
  { timeout: 90_000 },
  async () => {
    const events = Array.from({ length: 20 }, (_, index) => session({ sourceId: index === 7 ? 'poison' : 'fine' }))
    for (const event of events) await rig.send(JSON.stringify(event))
    let deaths = 0
    for (;;) {
      const child = run('exit')
      const outcome = await Promise.race([child.ended, acknowledged(60_000).then(() => 'acknowledged' as const)])
      if (outcome === 'acknowledged') {
        await child.end()
        break
      }
      assert.equal(outcome.code, 3)
      deaths += 1
      assert.ok(deaths <= 4, 'the poison is given up')
    }
    assert.equal(deaths, 3)
    for (const event of events) assert.equal(await rig.effects(event.id), sourceIdOf(event) === 'poison' ? 0 : 1)
    await using _profile = await rig.start('profile', { handlers: [recording()] })
    const letters = await eventually(async () => {
      const found = (await rig.deadLetters()).slice(deadBefore)
      assert.equal(found.length, 1)
      return found
    })
    assert.equal(letters[0]?.reason, 'never-ended')
    assert.equal(letters[0]?.eventId, events[7]?.id)
  },
)

test('a process whose event loop hangs is ended by its watchdog', { timeout: 60_000 }, async () => {
  const event = session({ sourceId: 'poison' })
  await rig.send(JSON.stringify(event))
  const child = run('hang')
  const startMs = performance.now()
  const { signal } = await child.ended
  assert.equal(signal, 'SIGKILL')
  assert.ok(performance.now() - startMs < 25_000)

  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await acknowledged()
  assert.equal(await rig.effects(event.id), 1)
})

test('P2: the server is killed in the middle and comes back: nothing is lost, nothing happens twice', async () => {
  await using ingest = await rig.start('ingest')
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const events = Array.from({ length: 400 }, () => session())
  const publishing = (async () => {
    for (let at = 0; at < events.length; at += 10) {
      await patiently(() => ingest.postgres.group(tenantId, [insertEvents('ingest', events.slice(at, at + 10))]))
      await ingest.publish([])
    }
  })()
  await eventually(async () => assert.ok((await rig.effects(events[60]?.id)) === 1), { withinMs: 20_000 })
  await rig.nats.kill()
  await rig.nats.start()
  await publishing
  for (const event of events)
    await eventually(async () => assert.equal(await rig.effects(event.id), 1), { withinMs: 30_000, what: event.id })
  await acknowledged()
  for (const event of events) assert.equal(await rig.effects(event.id), 1)
  assert.deepEqual((await rig.deadLetters()).slice(deadBefore), [])
})
