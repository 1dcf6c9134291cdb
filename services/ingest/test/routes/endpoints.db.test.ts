import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => (intake = await openIntake()))
after(async () => await intake[Symbol.asyncDispose]())

test('P7: an endpoint shows its secret once, is announced, and is listed without it', async () => {
  const tenantId = await intake.tenant()
  const created = await intake.call(tenantId, 'POST', '/v1/endpoints', {
    body: { partner: 'kintell', programme: 'Language Connect' },
  })
  assert.equal(created.status, 201)
  const { id, secret, webhookPath } = created.body as { id: string; secret: string; webhookPath: string }
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.equal(webhookPath, `/v1/webhooks/kintell/${id}`)
  const listed = await intake.call(tenantId, 'GET', '/v1/endpoints')
  const createdAt = intake.clock.now()
  assert.deepEqual(listed.body, {
    items: [{ id, partner: 'kintell', programme: 'Language Connect', createdAt }],
    nextCursor: null,
  })
  const [event] = await intake.events(tenantId)
  assert.deepEqual(
    [event?.type, event?.data],
    ['ingest.endpoint.created.v1', { endpointId: id, partner: 'kintell', actorId: 'account-1' }],
  )
})

test('a report that names no programme gets the one of its endpoint', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId, 'kintell', 'Default Programme')
  await intake.post({ endpoint, body: kintellSession({ programme: undefined }) })
  const event = (await intake.events(tenantId)).at(-1)
  assert.equal(event?.data['programme'], 'Default Programme')
})

test('lists are the newest first, page by page, and P6: never show another tenant', async () => {
  const [tenantId, other] = [await intake.tenant(), await intake.tenant()]
  const endpoint = await intake.endpoint(tenantId)
  for (const number of [1, 2, 3, 4, 5])
    await intake.post({ endpoint, body: kintellSession({ sessionId: `s-${number}` }) })
  const all = (await intake.call(tenantId, 'GET', '/v1/deliveries')).body['items'] as { id: string }[]
  assert.equal(all.length, 5)
  assert.deepEqual(
    all.map(({ id }) => id),
    all
      .map(({ id }) => id)
      .toSorted()
      .toReversed(),
  )
  const paged: string[] = []
  let cursor: unknown = null
  do {
    const query: string = cursor === null ? '?limit=2' : `?limit=2&cursor=${String(cursor)}`
    const { body } = await intake.call(tenantId, 'GET', `/v1/deliveries${query}`)
    paged.push(...(body['items'] as { id: string }[]).map(({ id }) => id))
    cursor = body['nextCursor']
  } while (cursor !== null)
  assert.deepEqual(
    paged,
    all.map(({ id }) => id),
  )
  for (const path of ['/v1/deliveries', '/v1/endpoints']) {
    assert.deepEqual((await intake.call(other, 'GET', path)).body, { items: [], nextCursor: null })
  }
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'cursor=x']) {
    assert.equal((await intake.call(tenantId, 'GET', `/v1/deliveries?${query}`)).status, 400)
  }
})

test('only who may import sees endpoints and deliveries; unknown fields and partners are refused', async () => {
  const tenantId = await intake.tenant()
  for (const role of ['participant', 'auditor', 'platform_admin'] as const) {
    for (const [method, path] of [
      ['GET', '/v1/endpoints'],
      ['GET', '/v1/deliveries'],
      ['POST', '/v1/endpoints'],
    ] as const) {
      const body = method === 'POST' ? { partner: 'kintell' } : undefined
      assert.equal((await intake.call(tenantId, method, path, { body, role })).status, 403, `${role} ${method} ${path}`)
    }
  }
  for (const body of [
    { partner: 'nobody' },
    {},
    { partner: 'kintell', tenantId: 'x' },
    { partner: 'kintell', secret: 'x' },
  ]) {
    assert.equal((await intake.call(tenantId, 'POST', '/v1/endpoints', { body })).status, 422)
  }
  assert.equal(
    (await intake.call(intake.ids.uuid(), 'POST', '/v1/endpoints', { body: { partner: 'kintell' } })).status,
    404,
  )
})

test('P6: the worker role reads endpoints and no tenant table; without a tenant nobody sees a row', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  await intake.post({ endpoint, body: kintellSession() })
  const { default: postgres } = await import('postgres')
  const roles = { worker: 'csr_ingest_worker', service: 'csr_ingest' }
  const open = (role: string) => postgres(intake.database.url(role), { max: 1, onnotice: () => {} })
  const [worker, service] = [open(roles.worker), open(roles.service)]
  try {
    for (const table of ['deliveries', 'webhook_ids', 'natural_keys']) {
      await assert.rejects(worker.unsafe(`select * from ingest.${table}`), { code: '42501' })
      assert.equal((await service.unsafe(`select * from ingest.${table}`)).length, 0)
    }
    assert.equal((await service`select * from ingest.endpoints`).length, 0)
    assert.ok((await worker`select * from ingest.endpoints`).length > 0)
    await assert.rejects(worker`delete from ingest.endpoints`, { code: '42501' })
  } finally {
    await Promise.all([worker.end(), service.end()])
  }
})
