import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test, { after, before } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { openIntake, type TestIntake } from '../open-intake.ts'

let intake: TestIntake
before(async () => (intake = await openIntake()))
after(async () => await intake[Symbol.asyncDispose]())

const replayed = 'idempotent-replayed'
const header = 'session_id,participant_email,volunteer_email,scheduled_at'
const file = `${header}\ns-1,ada@example.org,bo@example.org,2026-11-20T10:00:00Z\n`

function makeEndpoint(tenantId: string, key: string, asked: { body?: unknown; actorId?: string } = {}) {
  const { body = { partner: 'kintell' }, ...rest } = asked
  return intake.call(tenantId, 'POST', '/v1/endpoints', { ...rest, body, headers: { 'idempotency-key': key } })
}

/** Asks again where too many wait for the database, as the 503 says. */
async function patiently<Answer extends { status: number }>(ask: () => Promise<Answer>): Promise<Answer> {
  return await eventually(
    async () => {
      const answer = await ask()
      assert.notEqual(answer.status, 503)
      return answer
    },
    { withinMs: 30_000, what: 'an answer' },
  )
}

async function count(tenantId: string, table: 'endpoints' | 'imports'): Promise<number> {
  const [row] = await intake.admin`
    select count(*)::int as count from ${intake.admin(`ingest.${table}`)} where tenant_id = ${tenantId}`
  return row?.['count'] as number
}

test('P2: a hundred requests at once under one Idempotency-Key have one effect, the others the same bytes or 409', async () => {
  const tenantId = await intake.tenant()
  const answers = await Promise.all(Array.from({ length: 100 }, () => patiently(() => makeEndpoint(tenantId, 'k-100'))))
  assert.equal(await count(tenantId, 'endpoints'), 1)
  const made = answers.filter(({ status }) => status === 201)
  assert.ok(made.length >= 1)
  assert.equal(new Set(made.map(({ text }) => text)).size, 1)
  assert.equal(made.filter(({ headers }) => headers.get(replayed) === null).length, 1)
  for (const { status, body, headers } of answers) {
    if (status === 201) continue
    assert.equal(status, 409)
    assert.equal(body['type'], '/problems/idempotency-key-in-use')
    assert.equal(headers.get('retry-after'), '1')
  }
  const again = await makeEndpoint(tenantId, 'k-100')
  assert.equal(again.status, 201)
  assert.equal(again.text, made[0]?.text)
  assert.equal(again.headers.get(replayed), 'true')
  assert.equal(await count(tenantId, 'endpoints'), 1)
})

test('a key belongs to a tenant, a caller and a route; under it other bytes are refused', async () => {
  const [tenantId, otherId] = [await intake.tenant(), await intake.tenant()]
  const first = await makeEndpoint(tenantId, 'k-own')
  const other = await makeEndpoint(tenantId, 'k-own', { body: { partner: 'buddy' } })
  assert.equal(other.status, 422)
  assert.equal(other.body['type'], '/problems/idempotency-key-reused')
  const elsewhere = [
    await makeEndpoint(otherId, 'k-own'),
    await makeEndpoint(tenantId, 'k-own', { actorId: 'account-2' }),
  ]
  for (const answer of elsewhere) {
    assert.equal(answer.status, 201)
    assert.equal(answer.headers.get(replayed), null)
    assert.notEqual(answer.text, first.text)
  }
  const upload = { body: file, headers: { 'idempotency-key': 'k-own' } }
  assert.equal((await intake.call(tenantId, 'POST', '/v1/imports', upload)).status, 202)
})

test('a key that has not the form is refused, and one in quotes is the same key', async () => {
  const tenantId = await intake.tenant()
  for (const key of ['', 'with space', 'a,b', 'x'.repeat(201), '"unended', 'k\u00e9y']) {
    const { status, body } = await makeEndpoint(tenantId, key)
    assert.equal(status, 400, JSON.stringify(key))
    assert.equal(body['type'], '/problems/header-invalid')
  }
  const bare = await makeEndpoint(tenantId, 'k-quoted')
  assert.equal((await makeEndpoint(tenantId, '"k-quoted"')).text, bare.text)
})

test('what was refused took no effect, so its key may be used anew', async () => {
  const tenantId = await intake.tenant()
  const upload = (body: string) =>
    intake.call(tenantId, 'POST', '/v1/imports', { body, headers: { 'idempotency-key': 'k-refused' } })
  assert.equal((await upload('nothing,known\n1,2\n')).status, 422)
  assert.equal((await upload(file)).status, 202)
})

test('P2: a file uploaded twice under one key is one import; another file under it is refused', async () => {
  const tenantId = await intake.tenant()
  const upload = (body: string) =>
    intake.call(tenantId, 'POST', '/v1/imports', { body, headers: { 'idempotency-key': 'k-file' } })
  const first = await upload(file)
  const again = await upload(file)
  assert.equal(first.status, 202)
  assert.equal(again.text, first.text)
  assert.equal(again.headers.get('location'), first.headers.get('location'))
  assert.equal(again.headers.get(replayed), 'true')
  assert.equal((await upload(file.replace('s-1', 's-2'))).status, 422)
  assert.equal(await count(tenantId, 'imports'), 1)
})

test('P2: a run that died holds its key for the minute of its lease, and what it commits too late takes no effect', async () => {
  const tenantId = await intake.tenant()
  const bodyDigest = createHash('sha256')
    .update(JSON.stringify({ partner: 'kintell' }))
    .digest()
  const asked = { tenantId, actorId: 'account-1', method: 'POST', route: '/v1/endpoints', key: 'k-died', bodyDigest }
  const died = await intake.answers.begin(asked)
  assert.equal(died.outcome, 'begun')
  assert.equal((await makeEndpoint(tenantId, 'k-died')).status, 409)
  intake.clock.advanceMs(61_000)
  const made = await makeEndpoint(tenantId, 'k-died')
  assert.equal(made.status, 201)
  if (died.outcome !== 'begun') return
  const late = await died.lease.keep({ status: 201, headers: {}, body: '{}' }, bodyDigest)
  await assert.rejects(intake.postgres.group(tenantId, late), { sqlstate: 'CS003' })
  await died.lease.release()
  assert.equal((await makeEndpoint(tenantId, 'k-died')).text, made.text)
})

test('P4: a kept answer is sealed, its key and its body are fingerprints, and after a day all of it is forgotten', async () => {
  const tenantId = await intake.tenant()
  const made = await makeEndpoint(tenantId, 'k-sealed-and-forgotten')
  const rows = await intake.admin`select * from ingest.idempotency_keys where tenant_id = ${tenantId}`
  const text = JSON.stringify(rows)
  assert.equal(rows.length, 1)
  for (const secret of ['k-sealed-and-forgotten', 'whsec_', String(made.body['id'])]) assert.ok(!text.includes(secret))
  const age = () =>
    intake.admin`update ingest.idempotency_keys set created_at = created_at - interval '25 hours' where tenant_id = ${tenantId}`
  await age()
  const anew = await makeEndpoint(tenantId, 'k-sealed-and-forgotten')
  assert.equal(anew.status, 201)
  assert.notEqual(anew.text, made.text)
  await age()
  await intake.answers.start?.()
  await eventually(async () => {
    const [row] = await intake.admin`
      select count(*)::int as count from ingest.idempotency_keys where tenant_id = ${tenantId}`
    assert.equal(row?.['count'], 0)
  })
})
