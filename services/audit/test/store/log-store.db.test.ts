import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createPostgres } from '@csr/postgres/connect'
import { isUniqueViolation, PostgresRefused } from '@csr/postgres/errors'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase } from '@csr/testkit/database'
import { fakeClock } from '@csr/testkit/fake-clock'
import { canonicalLeaf } from '../../src/domain/canonical-leaf.ts'
import type { AuditRecord } from '../../src/domain/describe-event.ts'
import {
  appendLeaf,
  emptyRoot,
  hashLeaf,
  rootOfEdge,
  verifyInclusion,
  type Edge,
} from '../../src/domain/merkle-tree.ts'
import { createLogStore } from '../../src/store/log-store.ts'

const database = await privateDatabase()
const logger = createLogger({ service: 'audit', destination: { write: () => undefined } })
const open = () =>
  createPostgres({ name: 'audit', url: database.url('csr_audit'), workerUrl: database.url('csr_audit_worker'), logger })
const first = open()
const second = open()
await first.start?.()
await second.start?.()
const ids = createIds(fakeClock())
const log = createLogStore({ postgres: first })

after(async () => {
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function someRecords(count: number): { id: string; leaf: string }[] {
  return Array.from({ length: count }, () => {
    const id = ids.uuid()
    const record: AuditRecord = {
      ...{ id, at: '2026-11-20T10:00:00.000Z', action: 'profile.activity.recorded.v1' },
      ...{ actor: { type: 'service', id: 'profile' }, target: { type: 'activity', id: ids.uuid() } },
      ...{ outcome: 'effective', requestId: ids.uuid() },
    }
    return { id, leaf: canonicalLeaf(record) }
  })
}

function rootOfLeaves(leaves: readonly string[]): Buffer {
  let edge: Edge = []
  for (const [size, leaf] of leaves.entries()) edge = appendLeaf(edge, size, hashLeaf(leaf)).edge
  return rootOfEdge(edge)
}

test('P7: the tree in the database is the tree of RFC 6962 over the records, at every size', async () => {
  const tenant = ids.uuid()
  assert.deepEqual(await log.head(tenant), { size: 0, root: emptyRoot })
  const all: string[] = []
  for (const count of [1, 2, 1, 5, 7, 16, 3]) {
    const batch = someRecords(count)
    await first.group(tenant, [log.append(batch)])
    all.push(...batch.map(({ leaf }) => leaf))
    assert.deepEqual(await log.head(tenant), { size: all.length, root: rootOfLeaves(all) })
  }
})

test('P7: every record can be proven against the head', async () => {
  const tenant = ids.uuid()
  const records = someRecords(21)
  await first.group(tenant, [log.append(records)])
  for (const [index, { id, leaf }] of records.entries()) {
    const proof = await log.prove(tenant, id)
    assert.ok(proof)
    assert.equal(proof.record.sequence, index + 1)
    assert.deepEqual(proof.leafHash, hashLeaf(leaf))
    assert.deepEqual(verifyInclusion(index, proof.head.size, proof.leafHash, proof.path), proof.head.root)
  }
})

test('P7: two replicas append at once without a leader: every record has its place, and the tree fits', async () => {
  const tenant = ids.uuid()
  const batches = Array.from({ length: 40 }, () => someRecords(5))
  await Promise.all(batches.map((batch, index) => (index % 2 ? first : second).group(tenant, [log.append(batch)])))
  const records = await log.list(tenant, { before: null, limit: 500 })
  assert.deepEqual(
    records.map(({ sequence }) => sequence),
    Array.from({ length: 200 }, (_, index) => 200 - index),
  )
  const leaves = records.toReversed().map(({ sequence: _, ...record }) => canonicalLeaf(record))
  assert.deepEqual(await log.head(tenant), { size: 200, root: rootOfLeaves(leaves) })
})

test('P2: a record that is there already breaks the group and changes nothing', async () => {
  const tenant = ids.uuid()
  const records = someRecords(3)
  await first.group(tenant, [log.append(records)])
  const before = await log.head(tenant)
  const again = first.group(tenant, [log.append([...someRecords(2), ...records.slice(1, 2)])])
  await assert.rejects(again, (error: unknown) => isUniqueViolation(error))
  assert.deepEqual(await log.head(tenant), before)
})

test('P7: no role of the service may change or remove a record, and neither may the owner', async () => {
  const tenant = ids.uuid()
  await first.group(tenant, [log.append(someRecords(2))])
  for (const text of [
    'update audit.records set leaf = $1',
    'delete from audit.records where leaf <> $1',
    'update audit.nodes set hash = $1::text::bytea',
  ]) {
    await assert.rejects(
      first.group(tenant, [{ text, values: ['x'] }]),
      (error: unknown) => error instanceof PostgresRefused,
    )
  }
  await using owner = createPostgres({ name: 'owner', url: database.url('csr_owner'), logger })
  await owner.start?.()
  for (const text of ['delete from audit.records', 'truncate audit.records', 'update audit.nodes set index = 0']) {
    await assert.rejects(
      owner.group(tenant, [{ text, values: [] }]),
      (error: unknown) => error instanceof PostgresRefused,
    )
  }
})

test('P6: a tenant sees its own log only', async () => {
  const [mine, other] = [ids.uuid(), ids.uuid()]
  const [record] = someRecords(1)
  assert.ok(record)
  await first.group(other, [log.append([record])])
  assert.deepEqual(await log.head(mine), { size: 0, root: emptyRoot })
  assert.equal(await log.prove(mine, record.id), null)
  assert.deepEqual(await log.list(mine, { before: null, limit: 10 }), [])
})
