import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Replay, ReplaySettled } from '@csr/contracts/events/audit'
import { createEvent } from '@csr/contracts/events/create-event'
import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import { on, RetryLater, Unprocessable, type Handler } from '@csr/messaging/consume'
import { statement } from '@csr/postgres/statement'
import { eventually } from '@csr/testkit/eventually'
import { clock, ids, openRig, recording, session, type Rig, type RunningService } from './rig.ts'

let rig: Rig
let audit: RunningService
let deadBefore = 0
before(async () => {
  rig = await openRig()
  audit = await rig.start('audit')
})
after(async () => {
  await audit[Symbol.asyncDispose]()
  await rig[Symbol.asyncDispose]()
})
beforeEach(async () => {
  deadBefore = (await rig.deadLetters()).length
})

const refusing = () =>
  recording(() => {
    throw new Unprocessable('no-such-person')
  })

/** An event that `handler` gave up on, and its dead letter. */
async function poisoned(handler: Handler, event = session(), payload = JSON.stringify(event)) {
  await using _profile = await rig.start('profile', { handlers: [handler] })
  await rig.send(payload)
  const letters = await eventually(
    async () => {
      const found = await rig.deadLetterEvents()
      assert.equal(found.length, deadBefore + 1)
      return found
    },
    { withinMs: 20_000, what: 'a dead letter' },
  )
  deadBefore += 1
  const letter = letters.at(-1)
  assert.ok(letter)
  return { event, letter }
}

/** What audit would send for this dead letter. */
function replayOf({ id, causationid, tenantid, data }: Event<string, DeadLetter>): Event {
  const { consumer, topic, stream, epoch, sequence, traceparent, form, payload } = data
  const about = { id: ids.uuid(), time: clock.now(), tenantId: tenantid, subject: id, causationId: 'test' }
  const place: Omit<Replay, 'deadLetterId' | 'eventId' | 'form' | 'payload' | 'actorId'> = {
    ...{ consumer, topic, stream, epoch, sequence, traceparent },
  }
  const asked = { deadLetterId: id, eventId: causationid, form, payload, actorId: 'operator' }
  return createEvent('audit.replay.profile.v1', about, { ...place, ...asked })
}

async function answersTo(request: Event): Promise<ReplaySettled[]> {
  const rows = await rig.look<{ payload: string }>(
    `select payload from profile.outbox where topic = 'profile.replay.settled.v1' and payload like '%' || $1 || '%'`,
    [request.id],
  )
  return rows.map(({ payload }) => (JSON.parse(payload) as Event<string, ReplaySettled>).data)
}

const answerTo = (request: Event) =>
  eventually(
    async () => {
      const [answer, ...others] = await answersTo(request)
      assert.ok(answer)
      assert.deepEqual(others, [])
      return answer
    },
    { withinMs: 30_000, what: 'an answer to the replay' },
  )

test('P2: a replay after the fix takes effect once, a second one answers that it is effective', async () => {
  const { event, letter } = await poisoned(refusing())
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const first = replayOf(letter)
  await audit.publish([first])
  assert.equal((await answerTo(first)).outcome, 'effective')
  assert.equal(await rig.effects(event.id), 1)
  const again = [replayOf(letter), replayOf(letter), replayOf(letter)]
  await audit.publish(again)
  for (const request of again) assert.equal((await answerTo(request)).outcome, 'already-effective')
  await rig.send(JSON.stringify(event))
  await eventually(async () => {
    const rows = await rig.look(`select state from profile.inbox where event_id = $1`, [event.id])
    assert.deepEqual(rows, [{ state: 'done' }])
  })
  assert.equal(await rig.effects(event.id), 1)
  assert.equal((await rig.deadLetters()).length, deadBefore)
})

test('P2: replays asked for at the same moment take effect once', async () => {
  const { event, letter } = await poisoned(refusing())
  await using _one = await rig.start('profile', { handlers: [recording()] })
  await using _other = await rig.start('profile', { handlers: [recording()] })
  const requests = Array.from({ length: 6 }, () => replayOf(letter))
  await audit.publish(requests)
  const outcomes = await Promise.all(requests.map(async (request) => (await answerTo(request)).outcome))
  assert.deepEqual(outcomes.toSorted(), [...Array<string>(5).fill('already-effective'), 'effective'])
  assert.equal(await rig.effects(event.id), 1)
})

test('P3: a replay that fails again is an answer with the failure, after one try, and no second dead letter', async () => {
  const { event, letter } = await poisoned(refusing())
  let tries = 0
  const failing = recording(() => {
    tries += 1
    throw new TypeError('a value that must not be told')
  })
  await using _profile = await rig.start('profile', { handlers: [failing] })
  const request = replayOf(letter)
  await audit.publish([request])
  const { outcome, failure } = await answerTo(request)
  assert.deepEqual(
    [outcome, failure?.reason, failure?.code, failure?.attempts, tries],
    ['failed', 'exhausted', 'TypeError', 1, 1],
  )
  assert.notEqual(failure?.fingerprint, letter.data.fingerprint)
  assert.equal(await rig.effects(event.id), 0)
  assert.equal((await rig.deadLetters()).length, deadBefore)
  assert.deepEqual(await rig.look(`select * from profile.started`), [])
  assert.deepEqual(await rig.look(`select state from profile.inbox where event_id = $1`, [event.id]), [
    { state: 'dead' },
  ])
})

test('a failure that only the commit shows is an answer too, with the same group as before', async () => {
  const unwritable = on('ingest.session.completed', async () => ({
    statements: [statement('select 1 / 0')],
    events: [],
  }))
  const { letter } = await poisoned(unwritable)
  await using _profile = await rig.start('profile', { handlers: [unwritable] })
  const request = replayOf(letter)
  await audit.publish([request])
  const { failure } = await answerTo(request)
  assert.deepEqual(
    [failure?.reason, failure?.code, failure?.fingerprint],
    [letter.data.reason, letter.data.code, letter.data.fingerprint],
  )
})

test('"later" in a replay is no answer: it waits for the dependency', async () => {
  const { event, letter } = await poisoned(refusing())
  let open = false
  const waiting = recording(() => {
    if (!open) throw new RetryLater('the key store is down')
  })
  await using profile = await rig.start('profile', { handlers: [waiting] })
  const request = replayOf(letter)
  await audit.publish([request])
  await eventually(() => assert.match(profile.readiness().join(), /profile-on-replay-profile: RetryLater/), {
    withinMs: 10_000,
  })
  assert.deepEqual(await answersTo(request), [])
  open = true
  assert.equal((await answerTo(request)).outcome, 'effective')
  assert.equal(await rig.effects(event.id), 1)
})

test('what cannot be replayed says why: another consumer, a version not known here, too old, not kept', async () => {
  const { letter } = await poisoned(refusing())
  const changed = (data: Partial<DeadLetter>) => replayOf({ ...letter, data: { ...letter.data, ...data } })
  const old = session({ id: '01800000-0000-7000-8000-000000000001' })
  const requests = [
    changed({ consumer: 'profile-on-nothing' }),
    changed({
      payload: JSON.stringify({ ...session(), type: 'ingest.session.completed.v9' }),
      topic: 'ingest.session.completed.v9',
    }),
    changed({ payload: JSON.stringify(old) }),
    changed({ form: 'left', payload: '' }),
  ]
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await audit.publish(requests)
  const answers = await Promise.all(requests.map(answerTo))
  assert.deepEqual(
    answers.map(({ outcome, failure }) => [outcome, failure?.reason, failure?.code]),
    [
      ['failed', 'unprocessable', 'consumer-unknown'],
      ['failed', 'unprocessable', 'version-unknown'],
      ['failed', 'too-old', 'too-old'],
      ['failed', 'unprocessable', 'payload-not-kept'],
    ],
  )
  assert.equal((await rig.deadLetters()).length, deadBefore)
})

test('P4: what could not be read leaves the service sealed, and is opened for the replay that can read it', async () => {
  const event = session()
  const broken = { ...event, data: { ...(event.data as object), rating: 'somebody@example.org' } }
  const { letter } = await poisoned(recording(), event, JSON.stringify(broken))
  assert.deepEqual([letter.data.reason, letter.data.form], ['undecodable', 'sealed'])
  const kept = await rig.look<{ payload: string }>(`select payload from profile.outbox where id = $1`, [letter.id])
  assert.doesNotMatch(kept[0]?.payload ?? '', /somebody/)
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const request = replayOf(letter)
  await audit.publish([request])
  const { outcome, failure } = await answerTo(request)
  assert.deepEqual([outcome, failure?.fingerprint], ['failed', letter.data.fingerprint])
})

test('P3: a replay that ends its process every time is an answer in the end', { timeout: 90_000 }, async () => {
  await rig.setAckWait(1_500)
  await rig.setAckWait(1_500, { stream: 'AUDIT', durable: 'profile-on-replay-profile' })
  const event = session({ sourceId: 'poison' })
  const { letter } = await poisoned(refusing(), event)
  const request = replayOf(letter)
  await audit.publish([request])
  let deaths = 0
  for (;;) {
    const child = run('exit')
    const ended = once(child, 'exit')
    const answered = answerTo(request).then(
      () => 'answered' as const,
      () => 'silent' as const,
    )
    const first = await Promise.race([ended.then(() => 'ended' as const), answered])
    if (first === 'answered') {
      child.kill('SIGKILL')
      await ended
      break
    }
    deaths += 1
    assert.ok(deaths <= 3, 'the replay is given up')
  }
  assert.equal(deaths, 2)
  const { outcome, failure } = await answerTo(request)
  assert.deepEqual([outcome, failure?.reason], ['failed', 'never-ended'])
  assert.equal((await rig.deadLetters()).length, deadBefore)
  assert.equal(await rig.effects(event.id), 0)
})

function run(fault: string) {
  const roles = ['csr_profile', 'csr_profile_worker']
  return spawn(process.execPath, [fileURLToPath(new URL('./consuming-process.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
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
