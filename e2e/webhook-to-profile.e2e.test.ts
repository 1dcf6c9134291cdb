import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { listAuditEvents } from '@csr/contracts/http/audit'
import { listDeliveries, type WebhookAnswer } from '@csr/contracts/http/ingest'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { sign } from '@csr/testkit/webhooks'
import { answerOf, newCompany, type Answer, type Company } from './company.ts'

let stack: TestStack
let company: Company
before(async () => {
  stack = await privateStack()
  company = await newCompany(stack, 'Company A')
})
after(() => stack?.[Symbol.asyncDispose]())

type Sending = {
  readonly id?: string
  readonly secret?: string
  readonly timestamp?: number
  readonly url?: string
  /** the bytes that are sent, where they are not those that were signed */
  readonly sent?: string
}

function send(body: unknown, sending: Sending = {}): Promise<Answer> {
  const { id = randomUUID(), secret = company.secret, timestamp = nowSeconds(), url = company.webhookUrl } = sending
  const signed = JSON.stringify(body)
  const headers = sign({ secret, id, timestamp, body: signed })
  return answerOf(fetch(url, { method: 'POST', headers, body: sending.sent ?? signed }))
}

async function accepted(body: unknown, sending?: Sending): Promise<WebhookAnswer> {
  const { status, body: answer } = await send(body, sending)
  assert.equal(status, 202)
  return answer as WebhookAnswer
}

const nowSeconds = () => Math.floor(Date.now() / 1_000)

/** Waits until the person is there with the activities of these sessions, in any order. */
async function personIn(email: string, sessions: readonly string[]) {
  const profile = await company.person(email)
  const activities = await eventually(
    async () => {
      const found = await company.activities(profile.id)
      assert.deepEqual(found.map(({ sourceId }) => sourceId).toSorted(), sessions)
      return found
    },
    { withinMs: 15_000, what: 'the activities' },
  )
  return { profile, activities }
}

test('P2: one signed webhook posted five times in parallel takes effect once', async () => {
  const [body, id] = [kintellSessionCompleted({ programme: 'Language Café' }), randomUUID()]
  const timestamp = nowSeconds()
  const answers = await Promise.all(Array.from({ length: 5 }, () => accepted(body, { id, timestamp })))
  assert.deepEqual(answers.map(({ outcome }) => outcome).toSorted(), [
    'accepted',
    ...Array<string>(4).fill('duplicate'),
  ])
  assert.equal(new Set(answers.map(({ deliveryId }) => deliveryId)).size, 1)

  const participant = await personIn('participant-1@example.org', ['session-1'])
  const volunteer = await personIn('volunteer-1@example.org', ['session-1'])
  assert.equal(participant.profile.name, 'Participant 1')
  assert.deepEqual(
    participant.profile.programmes.map(({ name }) => name),
    ['Language Café'],
  )
  const [activity] = participant.activities
  assert.deepEqual([activity?.kind, activity?.partner, activity?.role], ['session.completed', 'kintell', 'participant'])
  assert.equal(activity?.occurredAt, '2026-11-20T09:45:00.000Z')
  assert.equal(activity?.details.rating, 0.75)
  assert.equal(volunteer.activities[0]?.role, 'volunteer')
  assert.notEqual(volunteer.activities[0]?.id, activity?.id)
})

test('P2: the same session under a new webhook id is a duplicate or a correction, never a second activity', async () => {
  const email = 'participant-2@example.org'
  const session = { sessionId: 'session-2', participant: { email } }
  const first = kintellSessionCompleted(session, '2026-11-20T10:00:00Z')
  assert.equal((await accepted(first)).outcome, 'accepted')
  await personIn(email, ['session-2'])
  assert.equal((await accepted(first)).outcome, 'duplicate')

  const corrected = kintellSessionCompleted({ ...session, rating: 1, durationMinutes: 60 }, '2026-11-20T11:00:00Z')
  assert.equal((await accepted(corrected)).outcome, 'accepted')
  await eventually(async () => {
    const { activities } = await personIn(email, ['session-2'])
    assert.deepEqual([activities[0]?.details.rating, activities[0]?.details.durationMinutes], [1, 60])
  })

  const late = kintellSessionCompleted({ ...session, rating: 0 }, '2026-11-20T09:00:00Z')
  assert.equal((await accepted(late)).outcome, 'accepted')
  await accepted(kintellSessionCompleted({ ...session, sessionId: 'session-3' }, '2026-11-20T12:00:00Z'))
  const { activities } = await personIn(email, ['session-2', 'session-3'])
  assert.equal(activities.find(({ sourceId }) => sourceId === 'session-2')?.details.rating, 1)
})

test('what is not signed by the partner, now, over these bytes, is refused and leaves nothing behind', async () => {
  const email = 'participant-9@example.org'
  const body = kintellSessionCompleted({ sessionId: 'session-9', participant: { email } })
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const url = new URL(`/v1/webhooks/kintell/${randomUUID()}`, stack.document.gateway).href
  const refused: readonly (readonly [what: string, sending: Sending])[] = [
    ['wrong secret', { secret }],
    ['unknown endpoint', { url }],
    ['stale', { timestamp: nowSeconds() - 400 }],
    ['from the future', { timestamp: nowSeconds() + 400 }],
    ['other bytes', { sent: JSON.stringify({ ...body, timestamp: '2026-11-20T10:00:01Z' }) }],
  ]
  const answers = []
  for (const [what, sending] of refused) {
    const { status, body: problem } = await send(body, sending)
    assert.deepEqual([status, problem.type], [401, '/problems/signature-invalid'], what)
    answers.push({ ...problem, instance: null })
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  assert.equal(await company.find(email), undefined)
})

test('P3: a signed webhook of the wrong shape is kept in quarantine with its reasons', async () => {
  const { data, ...rest } = kintellSessionCompleted()
  const { sessionId: _, ...withoutId } = data
  const { outcome, deliveryId } = await accepted({ ...rest, data: { ...withoutId, rating: 7 } })
  assert.equal(outcome, 'quarantined')
  const { items } = await stack.gateway.call(listDeliveries, { token: await company.token(), query: { limit: 200 } })
  const kept = items.find(({ id }) => id === deliveryId)
  assert.equal(kept?.outcome, 'quarantined')
  assert.deepEqual(kept?.reasons?.map(({ pointer }) => pointer).toSorted(), ['/data/rating', '/data/sessionId'])
})

test('P6: another company sees nobody, and a foreign id is answered like an unknown one', async () => {
  const { profile } = await personIn('participant-1@example.org', ['session-1'])
  const other = await newCompany(stack, 'Company B')
  assert.equal(await other.find('participant-1@example.org'), undefined)
  assert.deepEqual((await other.call('GET', '/v1/profiles')).body.items, [])
  for (const path of ['', '/activities']) {
    const foreign = await other.call('GET', `/v1/profiles/${profile.id}${path}`)
    const unknown = await other.call('GET', `/v1/profiles/${randomUUID()}${path}`)
    assert.equal(foreign.status, 404)
    assert.deepEqual({ ...foreign.body, instance: null }, { ...unknown.body, instance: null })
  }
})

test('a participant reads their own record through the gateway, and nobody else', async () => {
  const [profile, volunteer] = [
    await company.person('participant-1@example.org'),
    await company.person('volunteer-1@example.org'),
  ]
  const own = await company.token('participant', profile.id)
  const answer = await company.call('GET', `/v1/profiles/${profile.id}`, undefined, own)
  assert.equal(answer.body.email, 'participant-1@example.org')
  assert.equal((await company.call('GET', `/v1/profiles/${volunteer.id}`, undefined, own)).status, 404)
})

test('P7: who has read the personal fields of a person stands in the audit log', async () => {
  const { id } = await company.person('participant-1@example.org')
  await eventually(
    async () => {
      const { items } = await stack.gateway.call(listAuditEvents, {
        token: await company.token(),
        query: { limit: 200 },
      })
      const reading = items.find(({ action, target }) => action === 'profile.record.read.v1' && target.id === id)
      assert.equal(reading?.actor.type, 'account')
    },
    { withinMs: 15_000, what: 'a reading in the audit log' },
  )
})

test('P4: nothing anybody wrote about a person stands readable on disk', async () => {
  await stack.stop()
  const files = filesBelow(stack.directory.path)
  const holding = (text: string) => files.filter((file) => readFileSync(file).includes(text))
  assert.notDeepEqual(holding('session-2'), [], 'the search finds what is there')
  for (const text of ['participant-1@example.org', 'volunteer-1@', 'Participant 1', 'order at the bakery']) {
    assert.deepEqual(holding(text), [], text)
  }
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
