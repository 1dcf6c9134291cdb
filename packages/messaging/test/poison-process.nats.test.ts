import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Event } from '@csr/contracts/events/envelope'
import { arrayOf } from '@csr/postgres/statement'
import { eventually } from '@csr/testkit/eventually'
import { openRig, recording, session, sourceIdOf, type Rig } from './rig.ts'

/*
 * Poison that takes its process with it, one message in 50, on a process that is started again whenever it ends. What a
 * dead process held comes back after the durable's ack wait, here 1 s. The long form is by hand: CSR_TEST_ACK_WAIT_MS=10000
 * as in production, CSR_TEST_MESSAGES=100.
 */
const program = fileURLToPath(new URL('./consuming-process.ts', import.meta.url))
const ackWaitMs = Number(process.env['CSR_TEST_ACK_WAIT_MS'] ?? 1_000)
const count = Number(process.env['CSR_TEST_MESSAGES'] ?? 50)

let rig: Rig
before(async () => {
  rig = await openRig()
  await rig.setAckWait(ackWaitMs)
})
after(() => rig[Symbol.asyncDispose]())

test(
  'P3: one message in 50 ends its process: all others are effective within 60 s, each poison is one dead letter',
  { timeout: 150_000 },
  () => meet('exit'),
)

test(
  'P3: one message in 50 spins: all others are effective within 60 s, each poison is one dead letter',
  { timeout: 150_000 },
  () => meet('hang'),
)

async function meet(fault: 'exit' | 'hang'): Promise<void> {
  const deadBefore = (await rig.deadLetters()).length
  const events = Array.from({ length: count }, (_, index) =>
    session({ sourceId: index % 50 === 17 ? 'poison' : 'fine' }),
  )
  const poison = events.filter((event) => sourceIdOf(event) === 'poison').map(({ id }) => id)
  const good = events.filter((event) => sourceIdOf(event) !== 'poison').map(({ id }) => id)
  for (const event of events) await rig.send(JSON.stringify(event))
  await using supervised = superviseProcess(fault)
  await eventually(async () => assert.equal((await effective(events)).length, good.length), {
    withinMs: 60_000,
    what: 'every good event in effect',
  })
  const letters = async () => (await rig.deadLetters()).slice(deadBefore)
  await eventually(async () => assert.equal((await letters()).length, poison.length), {
    withinMs: 90_000,
    what: 'dead letters',
  })
  assert.deepEqual((await letters()).map(({ eventId }) => eventId).toSorted(), poison.toSorted())
  for (const { reason } of await letters()) assert.equal(reason, 'never-ended')
  assert.ok(supervised.deaths() >= 2 * poison.length, 'each ran alone twice')
  assert.deepEqual((await effective(events)).toSorted(), good.toSorted())
}

test(
  'P3: neighbours of poison that ended its process go first, so it is not met again before they took effect',
  { timeout: 60_000 },
  async () => {
    const events = Array.from({ length: 30 }, (_, index) => session({ sourceId: index === 0 ? 'poison' : 'fine' }))
    for (const event of events) await rig.send(JSON.stringify(event))
    let deaths = 0
    while ((await effective(events)).length < events.length - 1) {
      const child = run('exit')
      const done = eventually(async () => assert.equal((await effective(events)).length, events.length - 1), {
        withinMs: 40_000,
      })
      const first = await Promise.race([
        once(child, 'exit').then(() => 'died' as const),
        done.then(() => 'done' as const),
      ])
      if (first === 'died') deaths += 1
      else child.kill('SIGKILL')
    }
    assert.ok(deaths <= 2, `it died ${deaths} times before its neighbours took effect`)
    await using _profile = await rig.start('profile', { handlers: [recording()] })
    await eventually(
      async () =>
        assert.equal((await effective(events)).length + deadOf(await rig.deadLetters(), events), events.length),
      {
        withinMs: 30_000,
      },
    )
  },
)

const deadOf = (letters: readonly { eventId: string | null }[], events: readonly Event[]) =>
  letters.filter(({ eventId }) => events.some(({ id }) => id === eventId)).length

async function effective(events: readonly Event[]): Promise<string[]> {
  const rows = await rig.look<{ event_id: string }>(
    `select event_id from profile.test_effects where event_id = any($1::uuid[])`,
    [arrayOf(events.map(({ id }) => id))],
  )
  return rows.map(({ event_id }) => event_id)
}

/** Starts the process again whenever it ends. */
function superviseProcess(fault: string) {
  let deaths = 0
  let stopping = false
  let child = run(fault)
  const again = (): void => {
    child.once('exit', () => {
      if (stopping) return
      deaths += 1
      child = run(fault)
      again()
    })
  }
  again()
  return {
    deaths: () => deaths,
    async [Symbol.asyncDispose]() {
      stopping = true
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

function run(fault: string) {
  const roles = ['csr_profile', 'csr_profile_worker']
  return spawn(process.execPath, [program], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {
      ...process.env,
      CSR_TEST_FAULT: fault,
      CSR_TEST_SERVICE: 'profile',
      CSR_TEST_URLS: JSON.stringify(Object.fromEntries(roles.map((role) => [role, rig.database.url(role)]))),
      CSR_TEST_NATS: rig.nats.url,
      CSR_TEST_CREDENTIALS: rig.nats.credentialsFile('profile'),
    },
  })
}
