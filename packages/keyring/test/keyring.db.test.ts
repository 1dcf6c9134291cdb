import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openKeyrings, newTenantId, type TestKeyrings } from './open-keyrings.ts'

let keyrings: TestKeyrings
before(async () => {
  keyrings = await openKeyrings()
})
after(async () => {
  await keyrings[Symbol.asyncDispose]()
})

const place = { field: 'profile.profiles.email', row: 'row-1' }
const person = (number: number) => ({ email: `participant-${number}@example.org` })

test('a person gets one id and a key that seals and opens', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const { subjectIds, keys, conflicts } = await ingest.resolveSubjects(tenantId, [person(1), person(2), person(1)])
  assert.equal(subjectIds[0], subjectIds[2])
  assert.notEqual(subjectIds[0], subjectIds[1])
  assert.deepEqual(conflicts, [])
  const sealed = keys.seal(subjectIds[0] as string, place, 'hello')
  assert.deepEqual(keys.open(sealed, place), { state: 'value', value: 'hello' })
})

test('a tenant without a key is unknown everywhere', async () => {
  const ingest = keyrings.open('ingest')
  const unknown = { name: 'TenantUnknown' }
  await assert.rejects(ingest.resolveSubjects(newTenantId(), [person(1)]), unknown)
  await assert.rejects(ingest.load(newTenantId(), [newTenantId()]), unknown)
  await assert.rejects(ingest.findSubject(newTenantId(), person(1)), unknown)
  await assert.rejects(ingest.createRecordKeys(newTenantId(), [newTenantId()]), unknown)
})
