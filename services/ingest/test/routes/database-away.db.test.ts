import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { openIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

test('P8: without PostgreSQL the answer is 503 with Retry-After, in time; what was accepted stays, the rest is accepted later, once', async () => {
  await using intake = await openIntake({ server: 'own' })
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  const posting = (number: number) => ({
    endpoint,
    body: kintellSession({ sessionId: `s-${number}` }),
    id: `id-${number}`,
  })
  assert.equal((await intake.post(posting(0))).status, 202)

  const server = intake.database.server.process
  assert.ok(server)
  await server.kill()
  const startMs = performance.now()
  const refused = await Promise.all([0, 1, 2, 3].map((number) => intake.post(posting(number))))
  assert.ok(performance.now() - startMs < 3_000)
  for (const { status, body, headers } of refused) {
    assert.deepEqual([status, body['type']], [503, '/problems/dependency-unavailable'])
    assert.ok(Number(headers.get('retry-after')) >= 1)
  }
  const unknown = { ...endpoint, webhookPath: endpoint.webhookPath.replace(endpoint.id, intake.ids.uuid()) }
  assert.equal((await intake.post({ endpoint: unknown, body: {} })).status, 503)

  await server.start()
  const outcomes = await eventually(
    async () => {
      const answers = await Promise.all([0, 1, 2, 3].map((number) => intake.post(posting(number))))
      for (const { status } of answers) assert.equal(status, 202)
      return answers.map(({ body }) => body['outcome'])
    },
    { withinMs: 10_000, what: 'accepting again' },
  )
  assert.equal(outcomes[0], 'duplicate')
  const [row] = await eventually(
    () => intake.admin`
    select (select count(*)::int from ingest.deliveries) as deliveries, (select count(*)::int from ingest.natural_keys) as keys`,
  )
  assert.deepEqual({ ...row }, { deliveries: 4, keys: 4 })
})
