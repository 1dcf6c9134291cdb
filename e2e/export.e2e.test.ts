import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { services } from '@csr/contracts/services'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { strFromU8, unzipSync } from 'fflate'
import { newCompany, type Company } from './company.ts'

let stack: TestStack
let company: Company
before(async () => {
  stack = await privateStack()
  company = await newCompany(stack, 'Company A')
})
after(() => stack?.[Symbol.asyncDispose]())

type Documents = Readonly<Record<string, Readonly<Record<string, Record<string, unknown>[]>>>>

/** Asks, waits until it is ready, and downloads the archive. */
async function exportOf(profileId: string, meanwhile?: () => Promise<void>) {
  const person = await company.token('participant', profileId)
  const asked = await company.call('POST', '/v1/privacy/export', {}, person)
  assert.equal(asked.status, 202, JSON.stringify(asked.body))
  const id = String(asked.body['id'])
  await meanwhile?.()
  await eventually(
    async () => {
      const { body } = await company.call('GET', `/v1/privacy/export/${id}`, undefined, person)
      assert.equal(body['state'], 'ready', JSON.stringify(body))
    },
    { withinMs: 60_000, what: 'a ready export' },
  )
  return { id, person }
}

async function download(id: string, token: string): Promise<Response> {
  const url = new URL(`/v1/privacy/export/${id}/download`, stack.document.gateway)
  return await fetch(url, { headers: { authorization: `Bearer ${token}` } })
}

async function documentsIn(answer: Response): Promise<Documents> {
  assert.equal(answer.status, 200)
  const files = unzipSync(new Uint8Array(await answer.arrayBuffer()))
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, JSON.parse(strFromU8(bytes))]))
}

const feedback = 'I feel more confident at work now. Jeg lærte mye 😀.'
const email = 'participant-1@example.org'

test('an export holds what every service knows about the person, and of nobody else', async () => {
  await company.post(
    kintellSessionCompleted({ feedbackText: feedback, participant: { email, name: 'Participant One' } }),
  )
  const { id: profileId } = await company.person(email)
  await eventually(async () => assert.equal((await company.outcomes(profileId)).length, 1), { withinMs: 30_000 })
  const { id, person } = await exportOf(profileId)
  const answer = await download(id, person)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const documents = await documentsIn(answer)
  assert.deepEqual(
    Object.keys(documents).toSorted(),
    ['about.json', ...services.map((name) => `${name}.json`)].toSorted(),
  )

  assert.equal(documents['profile.json']?.['profile']?.[0]?.['email'], email)
  assert.equal(documents['profile.json']?.['activities']?.length, 1)
  const [delivery] = documents['ingest.json']?.['deliveries'] ?? []
  assert.ok(delivery)
  assert.equal((delivery['reported'] as Record<string, unknown>)['text'], feedback)
  assert.equal(documents['q2q.json']?.['outcomes']?.[0]?.['text'], feedback)
  assert.equal(documents['safety.json']?.['screenings']?.[0]?.['verdict'], 'allow')
  assert.ok((documents['audit.json']?.['records']?.length ?? 0) > 0)
  assert.ok(
    !JSON.stringify(documents).includes('volunteer-1@example.org'),
    'nothing of the other person in the session',
  )
})

test('a link opens once, for the one who asked, and nobody else sees that it exists', async () => {
  const { id: profileId } = await company.person(email)
  const { id, person } = await exportOf(profileId)
  const elsewhere = await newCompany(stack, 'Company B')
  assert.equal((await download(id, await company.token('auditor'))).status, 404)
  assert.equal((await download(id, await elsewhere.token('participant', profileId))).status, 404)
  assert.equal((await download(`${id.slice(0, -1)}_`, person)).status, 404)
  assert.equal((await download(id, person)).status, 200)
  assert.equal((await download(id, person)).status, 409)
})

test('staff act for a person they name, say how identity was checked, and learn nothing of who is known', async () => {
  const { id: profileId } = await company.person(email)
  const staff = await company.token('auditor')
  const ask = (body: object) => company.call('POST', '/v1/privacy/export', body, staff)
  assert.equal((await ask({ subjectId: profileId })).status, 422)
  assert.equal((await ask({})).status, 403)
  const known = await ask({ subjectId: profileId, identityCheckedBy: 'passport at the office' })
  const unknown = await ask({ subjectId: randomUUID(), identityCheckedBy: 'passport at the office' })
  assert.equal(known.status, 202)
  assert.equal(unknown.status, 202)
  const anonymous = ({ body }: typeof known) => ({ ...body, id: '', requestedAt: '', dueAt: '' })
  assert.deepEqual(anonymous(known), anonymous(unknown))
  for (const { body } of [known, unknown]) {
    await eventually(
      async () => {
        const status = await company.call('GET', `/v1/privacy/export/${String(body['id'])}`, undefined, staff)
        assert.equal(status.body['state'], 'ready')
      },
      { withinMs: 30_000, what: 'a ready export' },
    )
  }
})

test('P2: an export is whole although a service is killed while it is collected', async () => {
  const { id: profileId } = await company.person(email)
  const killedPid = stack.pidOf('q2q')
  await stack.kill('q2q')
  const { id, person } = await exportOf(profileId, () => stack.recovered('q2q', killedPid))
  const documents = await documentsIn(await download(id, person))
  assert.equal(documents['q2q.json']?.['outcomes']?.length, 1)
  assert.equal(Object.keys(documents).length, services.length + 1)
})
