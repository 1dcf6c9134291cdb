import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openIntake, type TestIntake } from '../open-intake.ts'
import { kintellSession } from '../sample-bodies.ts'

let intake: TestIntake
before(async () => {
  intake = await openIntake()
})
after(() => intake[Symbol.asyncDispose]())

const codeOf = (body: Record<string, unknown>): unknown => String(body['type']).replace('/problems/', '')

test('P1: a webhook of a suspended tenant is asked to come again, and counts once when it does after the tenant is resumed', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  const posting = { endpoint, body: kintellSession(), id: 'msg_suspended' }
  intake.stopped.set(tenantId, 'suspended')
  for (let tries = 0; tries < 3; tries += 1) {
    const { status, body, headers } = await intake.post(posting)
    assert.deepEqual([status, codeOf(body), headers.get('retry-after')], [503, 'intake-suspended', '300'])
  }
  const rows = await intake.admin`select 1 from ingest.webhook_ids where tenant_id = ${tenantId}`
  assert.equal(rows.length, 0, 'nothing was kept, so nothing makes the next try a duplicate')
  intake.stopped.delete(tenantId)
  assert.equal((await intake.post(posting)).body['outcome'], 'accepted')
  assert.equal((await intake.post(posting)).body['outcome'], 'duplicate')
})

test('who cannot sign does not learn that a tenant is suspended, and a closed one has no endpoints', async () => {
  const tenantId = await intake.tenant()
  const endpoint = await intake.endpoint(tenantId)
  const forged = { endpoint, body: kintellSession(), secret: `whsec_${'A'.repeat(44)}` }
  const usual = await intake.post(forged)
  intake.stopped.set(tenantId, 'suspended')
  const refused = await intake.post(forged)
  intake.stopped.set(tenantId, 'closed')
  const closed = await intake.post({ endpoint, body: kintellSession() })
  for (const { status, body } of [usual, refused, closed]) {
    assert.deepEqual([status, codeOf(body)], [401, 'signature-invalid'])
  }
})

test('P8: the port of a service refuses tokens of a suspended tenant by itself, whatever the gateway let through', async () => {
  const [suspended, open] = [await intake.tenant(), await intake.tenant()]
  intake.stopped.set(suspended, 'suspended')
  const refused = await intake.call(suspended, 'GET', '/v1/imports')
  assert.deepEqual([refused.status, codeOf(refused.body)], [403, 'tenant-suspended'])
  assert.equal((await intake.call(open, 'GET', '/v1/imports')).status, 200)
})
