import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Identifiers } from '../src/blind-index.ts'
import type { Keyring } from '../src/keyring.ts'
import { newId, openKeyrings, rowsAsAdmin, type TestKeyrings } from './open-keyrings.ts'

let keyrings: TestKeyrings
before(async () => {
  keyrings = await openKeyrings()
})
after(async () => {
  await keyrings[Symbol.asyncDispose]()
})

const email = (name: string | number): string => `participant-${name}@example.org`
const kintell = (externalId: string, address: string | null = null): Identifiers => ({
  email: address,
  partner: 'kintell',
  externalId,
})

async function idOf(keyring: Keyring, tenantId: string, person: Identifiers): Promise<string> {
  const { subjectIds } = await keyring.resolveSubjects(tenantId, [person])
  return subjectIds[0] as string
}

test('people get one id each, in the order they were asked for, and keys that seal and open', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const { subjectIds, keys, conflicts } = await ingest.resolveSubjects(tenantId, [
    { email: email(1) },
    { email: email(2) },
    { email: ` ${email(1).toUpperCase()} ` },
  ])
  const [one, other, again] = subjectIds as [string, string, string]
  assert.equal(one, again)
  assert.notEqual(one, other)
  assert.deepEqual(conflicts, [])
  const place = { field: 'profile.profiles.name', row: newId() }
  const sealed = keys.seal(one, place, 'hello')
  assert.deepEqual(keys.open(sealed, place), { state: 'value', value: 'hello' })
  assert.throws(() => keys.open(sealed, { ...place, row: newId() }), { name: 'SealBroken' })
})

test('two processes resolve a person to one id, and a value sealed by one opens in the other', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const other = keyrings.open('ingest')
  const [mine, theirs] = await Promise.all(
    [ingest, other].map((keyring) => keyring.resolveSubjects(tenantId, [{ email: email(1) }])),
  )
  assert.deepEqual(mine?.subjectIds, theirs?.subjectIds)
  const place = { field: 'f', row: 'r' }
  const sealed = mine?.keys.seal(mine.subjectIds[0] as string, place, 'hello')
  assert.ok(sealed && theirs)
  assert.deepEqual(theirs.keys.open(sealed, place), { state: 'value', value: 'hello' })
})

test('P6: one e-mail address is another person in another tenant', async () => {
  const one = await keyrings.tenant()
  const other = await keyrings.tenant()
  const ids = [one, other].map(({ ingest, tenantId }) => idOf(ingest, tenantId, { email: email(1) }))
  assert.equal(new Set(await Promise.all(ids)).size, 2)
})

test('a new external id of a known e-mail address becomes an identifier of that person', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const id = await idOf(ingest, tenantId, { email: email(1) })
  assert.equal(await idOf(ingest, tenantId, kintell('x-1', email(1))), id)
  assert.equal(await idOf(ingest, tenantId, kintell('x-1')), id)
  assert.notEqual(await idOf(ingest, tenantId, { email: null, partner: 'buddy', externalId: 'x-1' }), id)
})

test('a new e-mail address of a known external id becomes an identifier of that person', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const id = await idOf(ingest, tenantId, kintell('x-1'))
  assert.equal(await idOf(ingest, tenantId, kintell('x-1', email(1))), id)
  assert.equal(await idOf(ingest, tenantId, { email: email(1) }), id)
})

test('where e-mail and external id belong to two people the e-mail decides, nothing is merged and the conflict is told', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const [one, other] = [await idOf(ingest, tenantId, { email: email(1) }), await idOf(ingest, tenantId, kintell('x-2'))]
  const people = [{ email: email(3) }, kintell('x-2', email(1))]
  for (const keyring of [ingest, keyrings.open('ingest'), ingest]) {
    const { subjectIds, conflicts, keys } = await keyring.resolveSubjects(tenantId, people)
    assert.equal(subjectIds[1], one)
    assert.deepEqual(conflicts, [{ index: 1, subjectId: one, otherSubjectId: other }])
    assert.ok(keys.seal(one, { field: 'f', row: 'r' }, 'x'))
  }
  assert.equal(await idOf(ingest, tenantId, kintell('x-2')), other)
})

test('one external id under two e-mail addresses in one list is a conflict, not a merge', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const people = [kintell('x', email(1)), kintell('x', email(2))]
  const { subjectIds, conflicts } = await ingest.resolveSubjects(tenantId, people)
  assert.notEqual(subjectIds[0], subjectIds[1])
  assert.deepEqual(conflicts, [{ index: 1, subjectId: subjectIds[1], otherSubjectId: subjectIds[0] }])
})

test('looking for a person finds the known and creates nobody', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const id = await idOf(ingest, tenantId, kintell('x-1', email(1)))
  for (const service of ['profile', 'privacy', 'ingest'] as const) {
    const keyring = keyrings.open(service)
    assert.equal(await keyring.findSubject(tenantId, { email: email(1).toUpperCase() }), id)
    assert.equal(await keyring.findSubject(tenantId, kintell('x-1')), id)
    assert.equal(await keyring.findSubject(tenantId, kintell('x-1', email('unknown'))), id)
    assert.equal(await keyring.findSubject(tenantId, { email: email('unknown') }), null)
  }
  assert.equal((await identifiersOf(tenantId)).length, 2)
})

test('100 parallel calls for overlapping people in four processes: none fails, one id and one key per person', async () => {
  const { tenantId } = await keyrings.tenant()
  const processes = Array.from({ length: 4 }, () => keyrings.open('ingest'))
  const ids = new Map<string, Set<string>>()
  const calls = Array.from({ length: 100 }, async (_, call) => {
    const numbers = Array.from(
      { length: 20 },
      (_unused, index) => (call * 7919 + index * index * 31 + call * index) % 60,
    )
    const people = numbers.map((number) =>
      number % 3 === 0
        ? kintell(`x-${number}`)
        : number % 3 === 1
          ? { email: email(number) }
          : kintell(`x-${number}`, email(number)),
    )
    const { subjectIds } = await (processes[call % 4] as Keyring).resolveSubjects(tenantId, people)
    for (const [index, number] of numbers.entries()) {
      const seen = ids.get(String(number)) ?? new Set()
      ids.set(String(number), seen.add(subjectIds[index] as string))
    }
  })
  await Promise.all(calls)
  assert.ok(ids.size > 40)
  for (const seen of ids.values()) assert.equal(seen.size, 1)
  const keys = await rowsAsAdmin(keyrings, 'select key_id from keys.data_keys where tenant_id = $1', [tenantId])
  assert.equal(keys.length, ids.size)
})

test('processes that meet the same unknown people in different orders never wait in a circle', async () => {
  const { tenantId } = await keyrings.tenant()
  const processes = Array.from({ length: 4 }, () => keyrings.open('ingest'))
  const numbersOf = (round: number) => Array.from({ length: 200 }, (_unused, number) => round * 200 + number)
  for (let round = 0; round < 5; round += 1) {
    const numbers = numbersOf(round)
    const orders = [
      numbers,
      numbers.toReversed(),
      numbers.map((_number, index) => numbers[(index * 77) % 200] as number),
    ]
    orders.push((orders[2] as number[]).toReversed())
    const results = await Promise.all(
      orders.map(async (order, index) => {
        const people = order.map((number) => kintell(`x-${number}`, number % 2 ? email(number) : null))
        const { subjectIds } = await (processes[index] as Keyring).resolveSubjects(tenantId, people)
        return order
          .map((number, at) => `${number} ${subjectIds[at]}`)
          .toSorted()
          .join()
      }),
    )
    assert.equal(new Set(results).size, 1)
  }
})

test('what is known is answered from memory for 15 s, without the store', async () => {
  const { tenantId } = await keyrings.tenant()
  const ingest = keyrings.open('ingest')
  const id = await idOf(ingest, tenantId, kintell('x-1', email(1)))
  const groups = async (): Promise<number> => countOf(await keyrings.telemetry.exposition())
  const asked = await groups()
  for (let count = 0; count < 50; count += 1) assert.equal(await idOf(ingest, tenantId, kintell('x-1', email(1))), id)
  await ingest.load(tenantId, [id])
  assert.equal(await groups(), asked)
  keyrings.clock.advanceMs(15_000)
  assert.equal(await idOf(ingest, tenantId, kintell('x-1', email(1))), id)
  assert.ok((await groups()) > asked)
})

test('who was read before is read again, and who or what is new beside them is placed', async () => {
  const { tenantId } = await keyrings.tenant()
  const ingest = keyrings.open('ingest')
  const known = await idOf(ingest, tenantId, { email: email('known') })
  keyrings.clock.advanceMs(15_000)
  const { subjectIds } = await ingest.resolveSubjects(tenantId, [
    { email: email('known') },
    { email: email('new') },
    kintell('x-new', email('known')),
  ])
  assert.deepEqual([subjectIds[0], subjectIds[2]], [known, known])
  assert.notEqual(subjectIds[1], known)
  assert.equal(await idOf(keyrings.open('ingest'), tenantId, kintell('x-new')), known)
})

test('who was erased since they were read is somebody new, whoever else is asked for with them', async () => {
  const { tenantId } = await keyrings.tenant()
  const ingest = keyrings.open('ingest')
  const people = [{ email: email('erased') }, { email: email('other') }]
  const { subjectIds: earlier } = await ingest.resolveSubjects(tenantId, people)
  await keyrings.open('privacy').eraseSubject(tenantId, earlier[0] as string)
  keyrings.clock.advanceMs(15_000)
  const { subjectIds } = await ingest.resolveSubjects(tenantId, people)
  assert.equal(subjectIds[1], earlier[1])
  assert.notEqual(subjectIds[0], earlier[0])
})

test('concurrent calls for unknown people share a few commits', async () => {
  const { tenantId } = await keyrings.tenant()
  const ingest = keyrings.open('ingest')
  await ingest.resolveSubjects(tenantId, [{ email: email('first') }])
  const asked = countOf(await keyrings.telemetry.exposition())
  const calls = Array.from({ length: 100 }, (_, number) => ingest.resolveSubjects(tenantId, [{ email: email(number) }]))
  assert.equal(new Set((await Promise.all(calls)).flatMap(({ subjectIds }) => subjectIds)).size, 100)
  assert.ok(countOf(await keyrings.telemetry.exposition()) - asked <= 3)
})

test('a list longer than one statement takes is resolved whole', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  const people = Array.from({ length: 2_500 }, (_, number) => ({ email: email(number) }))
  const { subjectIds } = await ingest.resolveSubjects(tenantId, people)
  assert.equal(new Set(subjectIds).size, 2_500)
})

test('P4: the key store holds neither identifiers nor usable keys', async () => {
  const { ingest, tenantId } = await keyrings.tenant()
  await ingest.resolveSubjects(tenantId, [kintell('external-in-clear', email('in-clear'))])
  for (const table of ['tenant_keys', 'data_keys', 'identifiers', 'tombstones']) {
    const rows = await rowsAsAdmin(keyrings, `select t::text as line from keys.${table} t`, [])
    for (const { line } of rows as { line: string }[]) {
      assert.ok(!line.includes('in-clear') && !line.includes(Buffer.from('in-clear').toString('hex')))
    }
  }
})

async function identifiersOf(tenantId: string) {
  return rowsAsAdmin(keyrings, 'select * from keys.identifiers where tenant_id = $1', [tenantId])
}

/** Transactions of all keyrings of this file, as their metrics count them. */
function countOf(exposition: string): number {
  const counts = exposition.matchAll(/^postgres_\w+_count\{[^}]*\} (\d+)/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}
