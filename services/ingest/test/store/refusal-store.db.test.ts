import assert from 'node:assert/strict'
import test from 'node:test'
import { createRefusalStore } from '../../src/store/refusal-store.ts'
import { openIntake } from '../open-intake.ts'

test('P7: what was only counted is recorded as one count when its minute is over; a failure loses nothing', async () => {
  await using intake = await openIntake()
  const { clock, ids, postgres } = intake
  const tenantId = await intake.tenant()
  let broken = false
  const group: typeof postgres.group = (tenant, statements) =>
    broken ? Promise.reject(new Error('away')) : postgres.group(tenant, statements)
  const refusals = createRefusalStore({ postgres: { group }, clock, ids, wakeRelay: () => {} })
  const source = { tenantId, endpointId: ids.uuid(), partner: 'kintell', reason: 'signature-invalid' } as const
  const counts = async () => (await intake.events(tenantId)).map(({ data }) => data['count'])
  const ten = Array.from({ length: 10 }, () => 1)

  for (let number = 0; number < 250; number += 1) await refusals.note(source, ids.uuid())
  await refusals.flush()
  assert.deepEqual(await counts(), ten)

  clock.advanceMs(60_000)
  broken = true
  await assert.rejects(refusals.flush())
  broken = false
  await refusals.flush()
  assert.deepEqual(await counts(), [...ten, 240])
  await refusals.flush(true)
  assert.deepEqual(await counts(), [...ten, 240])

  await refusals.note(source, ids.uuid())
  assert.deepEqual(await counts(), [...ten, 240, 1])
})
