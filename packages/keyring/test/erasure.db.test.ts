import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { SealedText } from '@csr/contracts/events/envelope'
import { newId, openKeyrings, rowsAsAdmin, type TestKeyrings } from './open-keyrings.ts'

let keyrings: TestKeyrings
before(async () => {
  keyrings = await openKeyrings()
})
after(async () => {
  await keyrings[Symbol.asyncDispose]()
})

const place = { field: 'profile.profiles.email', row: newId() }
const value = { state: 'value', value: 'hello' }

/** A tenant with one person and a value sealed for that person. */
async function personWithValue(number: number) {
  const { ingest, tenantId } = await keyrings.tenant()
  const person = { email: `participant-${number}@example.org` }
  const { subjectIds, keys } = await ingest.resolveSubjects(tenantId, [person])
  const subjectId = subjectIds[0] as string
  return { ingest, tenantId, person, subjectId, keys, sealed: keys.seal(subjectId, place, 'hello') }
}

test('P5: after a tenant is erased nobody of it is found and nothing of it opens; others go on, and only privacy may', async () => {
  const { tenantId, person, subjectId, sealed } = await personWithValue(20)
  const other = await personWithValue(21)
  const profile = keyrings.open('profile')
  const recordId = newId()
  const record = (await profile.createRecordKeys(tenantId, [recordId])).seal(recordId, place, 'a name')
  for (const service of ['gateway', 'profile', 'q2q', 'safety'] as const) {
    await assert.rejects(keyrings.open(service).eraseTenant(tenantId), { sqlstate: '42501' }, service)
  }
  const privacy = keyrings.open('privacy')
  assert.equal(await privacy.eraseTenant(tenantId), 2)
  assert.equal(await privacy.eraseTenant(tenantId), 0, 'repeating it finds nothing left')
  const elsewhere = await keyrings.open('profile').load(tenantId, [subjectId, recordId])
  assert.deepEqual(elsewhere.open(sealed, place), { state: 'erased' })
  assert.deepEqual(elsewhere.open(record, place), { state: 'erased' })
  assert.equal(await keyrings.open('profile').findSubject(tenantId, person), null)
  const ofOther = await privacy.load(other.tenantId, [other.subjectId])
  assert.deepEqual(ofOther.open(other.sealed, place), value)
})

test('P5: after erasure nothing opens: at once where it happened, within 15 s everywhere', async () => {
  const { ingest, tenantId, person, subjectId, sealed } = await personWithValue(1)
  const privacy = keyrings.open('privacy')
  const seenByPrivacy = await privacy.load(tenantId, [subjectId])
  assert.deepEqual(seenByPrivacy.open(sealed, place), value)
  await privacy.eraseSubject(tenantId, subjectId)
  assert.deepEqual(seenByPrivacy.open(sealed, place), { state: 'erased' })
  assert.ok(seenByPrivacy.erased(subjectId))
  assert.throws(() => seenByPrivacy.seal(subjectId, place, 'again'), { name: 'KeyErased' })
  const elsewhere = await keyrings.open('profile').load(tenantId, [subjectId])
  assert.deepEqual(elsewhere.open(sealed, place), { state: 'erased' })

  assert.equal(await keyrings.open('profile').findSubject(tenantId, person), null)
  keyrings.clock.advanceMs(15_000)
  assert.deepEqual((await ingest.load(tenantId, [subjectId])).open(sealed, place), { state: 'erased' })
  const { subjectIds } = await ingest.resolveSubjects(tenantId, [person])
  assert.notEqual(subjectIds[0], subjectId)
  await privacy.eraseSubject(tenantId, subjectId)
})

test('P5: keys and identifiers of an erased person are gone from the store, the tombstone stays', async () => {
  const { tenantId, subjectId } = await personWithValue(2)
  await keyrings.open('privacy').eraseSubject(tenantId, subjectId)
  const counted = (table: string) =>
    rowsAsAdmin(keyrings, `select count(*)::int as count from keys.${table} where tenant_id = $1`, [tenantId])
  assert.deepEqual(await counted('data_keys'), [{ count: 0 }])
  assert.deepEqual(await counted('identifiers'), [{ count: 0 }])
  assert.deepEqual(await counted('tombstones'), [{ count: 1 }])
})

test('P5: a destroyed key cannot be made again, not even beside its tombstone from a restored backup', async () => {
  const { ingest, tenantId, subjectId, sealed } = await personWithValue(3)
  const backup = await rowsAsAdmin(keyrings, 'select wrapped_key from keys.data_keys where key_id = $1', [subjectId])
  await keyrings.open('privacy').eraseSubject(tenantId, subjectId)
  const keys = await ingest.createRecordKeys(tenantId, [subjectId])
  assert.ok(keys.erased(subjectId))

  const restore = `insert into keys.data_keys (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at)
    values ($1, $2, 'subject', 1, 1, $3, now())`
  const row = [tenantId, subjectId, backup[0]?.['wrapped_key']]
  await rowsAsAdmin(keyrings, `select set_config('app.tenant_id', $1, false)`, [tenantId])
  await assert.rejects(rowsAsAdmin(keyrings, restore, row), { code: 'CS002' })
  await rowsAsAdmin(keyrings, 'alter table keys.data_keys disable trigger refuse_revival', [])
  await rowsAsAdmin(keyrings, restore, row)
  await rowsAsAdmin(keyrings, 'alter table keys.data_keys enable trigger refuse_revival', [])
  const restored = await keyrings.open('profile').load(tenantId, [subjectId])
  assert.deepEqual(restored.open(sealed, place), { state: 'erased' })
})

test('P5: erasing people while reports about them come in leaves no identifier behind', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const privacy = keyrings.open('privacy')
  const other = keyrings.open('ingest')
  for (let round = 0; round < 10; round += 1) {
    const email = `participant-${round}@example.org`
    const { subjectIds } = await ingest.resolveSubjects(tenantId, [{ email }])
    const reports = Array.from({ length: 8 }, (_, number) =>
      (number % 2 ? ingest : other).resolveSubjects(tenantId, [
        { email, partner: 'buddy', externalId: `x-${round}-${number}` },
      ]),
    )
    const results = await Promise.allSettled([privacy.eraseSubject(tenantId, subjectIds[0] as string), ...reports])
    for (const result of results)
      assert.ok(result.status === 'fulfilled' || (result.reason as Error).name === 'KeyringUnavailable')
  }
  const orphans = `select from keys.identifiers i join keys.tombstones t on t.tenant_id = i.tenant_id and t.key_id = i.subject_id
    where i.tenant_id = $1`
  assert.equal((await rowsAsAdmin(keyrings, orphans, [tenantId])).length, 0)
  assert.equal((await rowsAsAdmin(keyrings, 'select from keys.tombstones where tenant_id = $1', [tenantId])).length, 10)
})

test('the privacy service alone erases people; no other service can, and none says that it did', async () => {
  const { ingest, tenantId, subjectId, sealed } = await personWithValue(4)
  await assert.rejects(ingest.eraseSubject(tenantId, subjectId), /may not destroy/)
  for (const service of ['profile', 'q2q', 'safety'] as const)
    await assert.rejects(keyrings.open(service).eraseSubject(tenantId, subjectId), { sqlstate: '42501' })
  await ingest.destroyKeys(tenantId, [newId()])
  await assert.rejects(ingest.destroyKeys(tenantId, [subjectId]), /was not destroyed/)
  assert.deepEqual((await keyrings.open('profile').load(tenantId, [subjectId])).open(sealed, place), value)
})

test('record keys: made once, loaded elsewhere, destroyed with what they sealed', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const [one, other] = [newId(), newId()]
  const keys = await ingest.createRecordKeys(tenantId, [one, other])
  const sealed = keys.seal(one, place, 'hello')
  const again = await keyrings.open('ingest').createRecordKeys(tenantId, [other, one])
  assert.deepEqual(again.open(sealed, place), value)
  assert.deepEqual((await keyrings.open('safety').load(tenantId, [one])).open(sealed, place), value)
  await ingest.destroyKeys(tenantId, [one])
  assert.deepEqual(keys.open(sealed, place), { state: 'erased' })
  assert.deepEqual((await keyrings.open('safety').load(tenantId, [one])).open(sealed, place), { state: 'erased' })
  assert.ok(!keys.erased(other))
})

test('a key that is neither there nor destroyed is missing, with an alarm, and never erased', async () => {
  const { ingest, tenantId, sealed, subjectId } = await personWithValue(5)
  await rowsAsAdmin(keyrings, 'alter table keys.data_keys disable trigger leave_tombstones', [])
  await rowsAsAdmin(keyrings, 'delete from keys.data_keys where key_id = $1', [subjectId])
  await rowsAsAdmin(keyrings, 'alter table keys.data_keys enable trigger leave_tombstones', [])
  keyrings.clock.advanceMs(15_000)
  const keys = await ingest.load(tenantId, [subjectId])
  assert.deepEqual(keys.open(sealed, place), { state: 'missing' })
  assert.ok(!keys.erased(subjectId))
  assert.throws(() => keys.seal(subjectId, place, 'x'), { name: 'KeyringUnavailable' })
  assert.ok(keyrings.logLines.some((line) => line.includes('key-missing') && line.includes(subjectId)))
  assert.match(await keyrings.telemetry.exposition(), /keyring_keys_missing_total\{[^}]*\} 1/)
})

test('a value of another tenant, or under a key that was not loaded for it, is broken, with an alarm', async () => {
  const { ingest, tenantId, subjectId } = await personWithValue(6)
  const stranger = await personWithValue(6)
  const keys = await ingest.load(tenantId, [subjectId])
  assert.throws(() => keys.open(stranger.sealed, place), { name: 'SealBroken' })
  const forged = (stranger.sealed as unknown as string).replace(stranger.subjectId, subjectId) as unknown as SealedText
  assert.throws(() => keys.open(forged, place), { name: 'SealBroken' })
  const text = stranger.sealed as unknown as string
  for (const other of [text.replace('.1.', '.2.'), text.slice(0, -22)])
    assert.throws(() => stranger.keys.open(other as unknown as SealedText, place), { name: 'SealBroken' })
  assert.ok(keyrings.logLines.some((line) => line.includes('seal-broken') && line.includes(place.field)))
  assert.match(await keyrings.telemetry.exposition(), /keyring_seals_broken_total\{[^}]*\} 4/)
})

test('a wrapped key that was moved to another person breaks for that person only', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const people = ['victim', 'thief', 'other'].map((name) => ({ email: `${name}@example.org` }))
  const { subjectIds, keys } = await ingest.resolveSubjects(tenantId, people)
  const [victim, thief, other] = subjectIds as [string, string, string]
  const sealed = subjectIds.map((subjectId) => keys.seal(subjectId, place, 'hello'))
  const move = `update keys.data_keys set wrapped_key = (select wrapped_key from keys.data_keys where key_id = $1) where key_id = $2`
  await rowsAsAdmin(keyrings, move, [victim, thief])
  const seen = await keyrings.open('profile').load(tenantId, subjectIds)
  assert.throws(() => seen.open(sealed[1] as SealedText, place), { name: 'SealBroken' })
  assert.throws(() => seen.seal(thief, place, 'x'), { name: 'SealBroken' })
  assert.deepEqual(seen.open(sealed[0] as SealedText, place), value)
  assert.deepEqual(seen.open(sealed[2] as SealedText, place), value)
  assert.ok(!seen.erased(other))
})

test('restriction is set by the privacy service and known elsewhere within 15 s', async () => {
  const { ingest, tenantId, subjectId, keys } = await personWithValue(7)
  const privacy = keyrings.open('privacy')
  assert.equal(await privacy.restrictSubject(tenantId, newId(), true), false)
  assert.equal(await privacy.restrictSubject(tenantId, subjectId, true), true)
  assert.ok((await privacy.load(tenantId, [subjectId])).restricted(subjectId))
  keyrings.clock.advanceMs(15_000)
  assert.ok((await ingest.load(tenantId, [subjectId])).restricted(subjectId))
  assert.ok(keys.restricted(subjectId))
  await privacy.restrictSubject(tenantId, subjectId, false)
  assert.ok(!(await privacy.load(tenantId, [subjectId])).restricted(subjectId))
  await assert.rejects(ingest.restrictSubject(tenantId, subjectId, true), { sqlstate: '42501' })
})

test('keys handed out are unusable 60 s after they were read', async () => {
  const { ingest, tenantId, keys, subjectId, sealed } = await personWithValue(8)
  keyrings.clock.advanceMs(60_001)
  assert.throws(() => keys.open(sealed, place), { name: 'KeyringUnavailable' })
  assert.throws(() => keys.seal(subjectId, place, 'x'), { name: 'KeyringUnavailable' })
  assert.deepEqual((await ingest.load(tenantId, [subjectId])).open(sealed, place), value)
})
