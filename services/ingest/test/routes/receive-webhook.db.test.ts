import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { catalog } from '@csr/contracts/events/catalog'
import { envelope } from '@csr/contracts/events/envelope'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => (intake = await openIntake()))
after(async () => await intake[Symbol.asyncDispose]())

const sessionType = 'ingest.session.completed.v1'

async function fresh(partner: 'kintell' | 'buddy' | 'upskilling' = 'kintell') {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId, partner)
  const sessions = async () => (await intake.events(tenantId)).filter(({ type }) => type === sessionType)
  const all = async (type: string) => (await intake.events(tenantId)).filter((event) => event.type === type)
  return { tenantId, endpoint, sessions, all }
}

test('P1: an accepted webhook is one delivery and one event, committed before the answer', async () => {
  const { endpoint, tenantId, sessions } = await fresh()
  const { status, body } = await intake.post({ endpoint, body: kintellSession() })
  assert.equal(status, 202)
  assert.equal(body['outcome'], 'accepted')
  const [event, ...others] = await sessions()
  assert.equal(others.length, 0)
  const checked = envelope(sessionType, catalog[sessionType]).parse(event)
  assert.equal(checked.tenantid, tenantId)
  assert.equal(checked.causationid, body['deliveryId'])
  assert.equal(checked.data.deliveryId, body['deliveryId'])
  assert.equal(checked.data.reportedAt, '2026-11-20T10:05:00.000Z')
  assert.deepEqual(
    checked.data.people.map(({ role }) => role),
    ['participant', 'volunteer'],
  )
  assert.equal(checked.subject, checked.data.people[0]?.subjectId)
  assert.equal(checked.data.text?.activityId, checked.data.people[0]?.activityId)
  assert.notEqual(checked.data.people[0]?.activityId, checked.data.people[1]?.activityId)
})

test('P2: five parallel copies are one accepted and four duplicates that name it', async () => {
  const { endpoint, sessions } = await fresh()
  const posting = { endpoint, body: kintellSession(), id: 'five-copies' }
  const answers = await Promise.all(Array.from({ length: 5 }, () => intake.post(posting)))
  assert.deepEqual(answers.map(({ body }) => body['outcome']).toSorted(), [
    'accepted',
    'duplicate',
    'duplicate',
    'duplicate',
    'duplicate',
  ])
  assert.equal(new Set(answers.map(({ body }) => body['deliveryId'])).size, 1)
  assert.equal((await sessions()).length, 1)
  const later = await intake.post(posting)
  assert.deepEqual(later.body, { deliveryId: answers[0]?.body['deliveryId'], outcome: 'duplicate' })
})

test('P2: a hundred sessions, each sent three times in parallel, are a hundred events', async () => {
  const { endpoint, sessions } = await fresh()
  const postings = Array.from({ length: 100 }, (_, number) => ({
    endpoint,
    body: kintellSession({ sessionId: `s-${number}` }),
    id: `many-${number}`,
  }))
  const answers = await Promise.all([...postings, ...postings, ...postings].map((posting) => intake.post(posting)))
  assert.equal(answers.filter(({ body }) => body['outcome'] === 'accepted').length, 100)
  assert.equal(answers.filter(({ body }) => body['outcome'] === 'duplicate').length, 200)
  assert.equal((await sessions()).length, 100)
})

test('P2: the same session under a new webhook id is a duplicate; with other content a correction', async () => {
  const { endpoint, sessions } = await fresh()
  const first = await intake.post({ endpoint, body: kintellSession() })
  const again = await intake.post({ endpoint, body: kintellSession({}, { timestamp: '2026-11-20T10:30:00Z' }) })
  assert.deepEqual(again.body, { deliveryId: first.body['deliveryId'], outcome: 'duplicate' })
  const corrected = await intake.post({
    endpoint,
    body: kintellSession({ rating: 1 }, { timestamp: '2026-11-20T11:00:00Z' }),
  })
  assert.equal(corrected.body['outcome'], 'accepted')
  const late = await intake.post({
    endpoint,
    body: kintellSession({ rating: 0.1 }, { timestamp: '2026-11-20T09:59:00Z' }),
  })
  assert.equal(late.body['outcome'], 'accepted')
  const lateCopy = await intake.post({ endpoint, body: kintellSession() })
  assert.deepEqual(lateCopy.body, first.body && { deliveryId: first.body['deliveryId'], outcome: 'duplicate' })
  const events = await sessions()
  assert.deepEqual(
    events.map(({ data }) => data['rating']),
    [0.75, 1, 0.1],
  )
  assert.equal(
    new Set(
      events.map(({ data }) =>
        JSON.stringify((data['people'] as { activityId: string }[]).map(({ activityId }) => activityId)),
      ),
    ).size,
    1,
  )
})

test('P2: parallel posts of one session under five webhook ids take effect once', async () => {
  const { endpoint, sessions } = await fresh()
  const answers = await Promise.all(Array.from({ length: 5 }, () => intake.post({ endpoint, body: kintellSession() })))
  assert.equal(answers.filter(({ body }) => body['outcome'] === 'accepted').length, 1)
  assert.equal(answers.filter(({ body }) => body['outcome'] === 'duplicate').length, 4)
  assert.equal(new Set(answers.map(({ body }) => body['deliveryId'])).size, 1)
  assert.equal((await sessions()).length, 1)
})

test('P7: other bytes under a used webhook id are a duplicate with a refusal record', async () => {
  const { endpoint, sessions, all } = await fresh()
  const first = await intake.post({ endpoint, body: kintellSession(), id: 'used' })
  const other = await intake.post({ endpoint, body: kintellSession({ sessionId: 'another' }), id: 'used' })
  assert.deepEqual(other.body, { deliveryId: first.body['deliveryId'], outcome: 'duplicate' })
  assert.equal((await sessions()).length, 1)
  const refusals = await all('ingest.delivery.refused.v1')
  assert.deepEqual(
    refusals.map(({ data }) => data),
    [{ partner: 'kintell', endpointId: endpoint.id, reason: 'same-id-other-bytes', count: 1 }],
  )
})

test('wrong signature, stale or future time, other bytes, missing headers and unknown endpoints are one and the same 401', async () => {
  const { endpoint } = await fresh()
  const now = Math.floor(intake.clock.nowMs() / 1_000)
  const body = kintellSession()
  const unknown = '019aa000-0000-7000-8000-000000000000'
  const wrongSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  const postings = [
    { endpoint, body, secret: wrongSecret },
    { endpoint, body, timestamp: now - 301 },
    { endpoint, body, timestamp: now + 301 },
    { endpoint, body: 'not json', secret: wrongSecret },
    { endpoint, body, headers: { 'webhook-id': 'another' } },
    { endpoint, body, headers: { 'webhook-id': undefined } },
    { endpoint, body, headers: { 'webhook-timestamp': undefined } },
    { endpoint, body, headers: { 'webhook-signature': undefined } },
    { endpoint: { ...endpoint, webhookPath: endpoint.webhookPath.replace(endpoint.id, unknown) }, body },
    { endpoint: { ...endpoint, webhookPath: endpoint.webhookPath.replace(endpoint.id, 'no-id') }, body },
    { endpoint: { ...endpoint, webhookPath: endpoint.webhookPath.replace('kintell', 'buddy') }, body },
  ]
  const answers = await Promise.all(postings.map((posting) => intake.post(posting)))
  for (const { status, body: problem, headers } of answers) {
    assert.equal(status, 401)
    assert.equal(headers.get('content-type'), 'application/problem+json')
    const { instance: _, ...rest } = problem
    assert.deepEqual(rest, { type: '/problems/signature-invalid', title: 'Signature not accepted', status: 401 })
  }
  for (const seconds of [-300, 300]) {
    const timestamp = now + seconds
    assert.equal((await intake.post({ endpoint, body, timestamp })).status, 202)
  }
})

test('P7: refused signatures are recorded one by one up to ten in a minute, then as a count; the database is not filled', async () => {
  const { endpoint, all } = await fresh()
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  await Promise.all(Array.from({ length: 60 }, () => intake.post({ endpoint, body: {}, secret })))
  const counts = async () => (await all('ingest.delivery.refused.v1')).map(({ data }) => data['count'] as number)
  assert.deepEqual(
    await counts(),
    Array.from({ length: 10 }, () => 1),
  )
})

test('a partner name outside the three is 404, another content type 415, more than 1 MB 413, a signed text that is no JSON 400', async () => {
  const { endpoint } = await fresh()
  const other = { ...endpoint, webhookPath: endpoint.webhookPath.replace('kintell', 'nobody') }
  assert.equal((await intake.post({ endpoint: other, body: {} })).status, 404)
  assert.equal((await intake.post({ endpoint, body: {}, headers: { 'content-type': 'text/plain' } })).status, 415)
  assert.equal((await intake.post({ endpoint, body: ' '.repeat(1_048_577) })).status, 413)
  for (const body of ['{', 'NaN', '', Buffer.from([0x22, 0xff, 0x22])]) {
    const answer = await intake.post({ endpoint, body })
    assert.deepEqual([answer.status, answer.body['type']], [400, '/problems/json-invalid'], JSON.stringify(answer.body))
  }
})

test('P3: a signed but misshapen body is quarantined with every reason, sealed, and linked to whom it names', async () => {
  const { endpoint, tenantId, sessions, all } = await fresh()
  const posting = { endpoint, body: kintellSession({ rating: 7, sessionType: 'chess' }), id: 'misshapen' }
  const { status, body } = await intake.post(posting)
  assert.deepEqual([status, body['outcome']], [202, 'quarantined'])
  assert.equal((await sessions()).length, 0)
  assert.equal((await all('ingest.delivery.quarantined.v1')).length, 1)
  const { body: listed } = await intake.call(tenantId, 'GET', '/v1/deliveries')
  const [item] = listed['items'] as { id: string; reasons: { pointer: string }[] }[]
  assert.equal(item?.id, body['deliveryId'])
  assert.deepEqual(item?.reasons.map(({ pointer }) => pointer).toSorted(), ['/data/rating', '/data/sessionType'])
  const [row] = await intake.admin`select subject_ids, body_sealed from ingest.deliveries where id = ${item?.id ?? ''}`
  const ids = await Promise.all(
    ['participant-1@example.org', 'volunteer-1@example.org'].map((email) =>
      intake.keyring.findSubject(tenantId, { email }),
    ),
  )
  assert.deepEqual((row?.['subject_ids'] as string[] | undefined)?.toSorted(), ids.toSorted())
  assert.match(row?.['body_sealed'] as string, /^s1\./)
  const again = await intake.post(posting)
  assert.deepEqual(again.body, { deliveryId: body['deliveryId'], outcome: 'duplicate' })
})

test('P3: NUL, lone surrogates, prototype names, huge numbers and depth are quarantined, never an error', async () => {
  const { endpoint } = await fresh()
  const text = (data: string) => JSON.stringify(kintellSession()).replace('"rating":0.75', data)
  const bodies = [
    text('"rating":0.75,"note":"a\\u0000b"'),
    text('"rating":0.75,"note":"\\ud800"'),
    text('"rating":0.75,"__proto__":{"admin":true}'),
    text('"rating":0.75,"constructor":{"prototype":{}}'),
    text('"rating":1e400'),
    text('"durationMinutes":9007199254740993'),
    text(`"rating":0.75,"note":${'['.repeat(20_000)}${']'.repeat(20_000)}`),
    '[]',
    'null',
    '"text"',
  ]
  for (const body of bodies) {
    const answer = await intake.post({ endpoint, body })
    assert.deepEqual([answer.status, answer.body['outcome']], [202, 'quarantined'], body.slice(0, 200))
  }
})

test('P6: two tenants with the same people, ids and bodies share nothing', async () => {
  const [one, two] = [await fresh(), await fresh()]
  const posting = { body: kintellSession(), id: 'same-everywhere' }
  const answers = await Promise.all([one, two].map(({ endpoint }) => intake.post({ ...posting, endpoint })))
  assert.deepEqual(
    answers.map(({ body }) => body['outcome']),
    ['accepted', 'accepted'],
  )
  const [[first], [second]] = await Promise.all([one.sessions(), two.sessions()])
  assert.notEqual(first?.subject, second?.subject)
  const { body } = await intake.call(one.tenantId, 'GET', '/v1/deliveries')
  assert.deepEqual(
    (body['items'] as { id: string }[]).map(({ id }) => id),
    [answers[0]?.body['deliveryId']],
  )
})

test('P4: no row of any table, key store included, and no log line holds an address, a name, a text or an id of a person', async () => {
  const { endpoint } = await fresh()
  await intake.post({ endpoint, body: kintellSession() })
  await intake.post({ endpoint, body: kintellSession({ rating: 7 }) })
  await intake.post({ endpoint, body: kintellSession({ rating: 0.2 }) })
  const { default: postgres } = await import('postgres')
  const keys = postgres(intake.database.keysAdminUrl, { max: 1, onnotice: () => {} })
  let rows = 0
  let found = ''
  for (const sql of [intake.admin, keys]) {
    const tables = await sql`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`
    for (const { name } of tables) {
      for (const { text } of await sql.unsafe(`select t::text as text from ${name as string} t`)) {
        rows += 1
        found += `${text as string}\n`
      }
    }
  }
  await keys.end()
  assert.ok(rows > 20)
  assert.ok(found.includes('session-1'), 'the search finds what is there')
  for (const secret of [
    'example.org',
    'Participant One',
    'Volunteer One',
    '+47 400',
    'kin-1',
    'more confident',
    'whsec_',
  ]) {
    assert.ok(!found.includes(secret), secret)
    assert.ok(!intake.logLines.join('').includes(secret), secret)
  }
})
