import assert from 'node:assert/strict'
import { test } from 'node:test'
import { platformTenantId } from '@csr/contracts/services'
import type { Refusal } from '@csr/http/request-record'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock } from '@csr/testkit/fake-clock'
import type { Tallied } from '../../src/domain/refusals.ts'
import { recordRefusals, type RefusalRecorder } from '../../src/jobs/record-refusals.ts'

const refusal: Refusal = {
  ...{ code: 'token-invalid', status: 401, method: 'GET', route: '/v1/me', requestId: 'request-1' },
  ...{ tenantId: null, actorId: null, clientAddress: '192.0.2.1', reasons: [] },
}

type Recorded = { readonly tenantId: string; readonly refusals: readonly Tallied[] }

function recorder(record: (recorded: Recorded) => Promise<void>, clock = fakeClock()): RefusalRecorder {
  return recordRefusals({
    refusals: { record: (tenantId, refusals) => record({ tenantId, refusals }) },
    keyring: { fingerprint: (_tenantId, purpose, ...parts) => `${purpose}:${parts.join()}` },
    telemetry: { refused: () => undefined, refusalsWait: () => undefined },
    clock,
  })
}

test('P3: refusals wait for a database that is down, and each is recorded once', async () => {
  const recorded: Recorded[] = []
  let failures = 1
  await using refusals = recorder(async (batch) => {
    if (failures-- > 0) throw new Error('down')
    recorded.push(batch)
  })
  refusals.refused(refusal)
  refusals.refused({ ...refusal, tenantId: 'tenant-1' })
  await eventually(() => assert.equal(recorded.length, 2))
  assert.deepEqual(recorded.map(({ tenantId }) => tenantId).toSorted(), [platformTenantId, 'tenant-1'])
  assert.ok(recorded.every(({ refusals: batch }) => batch.length === 1 && batch[0]?.count === 1))
})

test('counts of a minute are written when it ends, and what is left when the gateway stops', async () => {
  const recorded: Recorded[] = []
  const refusals = recorder(async (batch) => void recorded.push(batch))
  const counts = (): number[] => recorded.flatMap(({ refusals: batch }) => batch.map(({ count }) => count))
  for (let index = 0; index < 13; index += 1) refusals.refused(refusal)
  refusals.flushCounts()
  await eventually(() => assert.deepEqual(counts(), [...Array<number>(10).fill(1), 3]))
  refusals.refused(refusal)
  await refusals[Symbol.asyncDispose]()
  assert.equal(
    counts().reduce((sum, count) => sum + count, 0),
    14,
  )
})

test('a client is named by a fingerprint whose purpose changes every week', async () => {
  const clock = fakeClock()
  const clients: string[] = []
  await using refusals = recorder(async ({ refusals: batch }) => {
    for (const { refused } of batch) clients.push(refused.client)
  }, clock)
  refusals.refused(refusal)
  refusals.refused({ ...refusal, clientAddress: '::ffff:192.0.2.1' })
  clock.advanceMs(7 * 24 * 3_600_000)
  refusals.refused(refusal)
  await eventually(() => assert.equal(clients.length, 3))
  assert.equal(clients[0], clients[1])
  assert.notEqual(clients[0], clients[2])
})

test('P7: a flood of failed sign-ins leaves ten records and one count, and no address', async () => {
  const recorded: Recorded[] = []
  const refusals = recorder(async (batch) => void recorded.push(batch))
  const signIn = { provider: 'google', code: 'state-unknown', requestId: 'request-1', clientAddress: '192.0.2.7' }
  for (let index = 0; index < 2_000; index += 1) refusals.signInRefused(signIn)
  await refusals[Symbol.asyncDispose]()
  const all = recorded.flatMap(({ refusals: batch }) => batch)
  assert.deepEqual(
    all.map(({ count }) => count),
    [...Array<number>(10).fill(1), 1_990],
  )
  assert.ok(recorded.every(({ tenantId }) => tenantId === platformTenantId))
  assert.ok(all.every(({ refused }) => refused.kind === 'sign-in' && refused.client !== '192.0.2.7'))
})
