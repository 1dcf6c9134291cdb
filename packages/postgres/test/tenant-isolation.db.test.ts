import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import postgres from 'postgres'
import { PostgresRefused } from '../src/errors.ts'
import { statement } from '../src/statement.ts'
import { allNotes, createScratch, insertNote, tenantA, tenantB, tenantSeen, type Scratch } from './scratch.ts'

let scratch: Scratch
before(async () => void (scratch = await createScratch()))
after(() => scratch[Symbol.asyncDispose]())

const refusedByPolicy = (error: unknown): boolean => error instanceof PostgresRefused && error.sqlstate === '42501'

test('P6: a tenant sees its own rows and none of another, not even by id', async () => {
  const connected = await scratch.open()
  const id = randomUUID()
  await connected.group(tenantA, [insertNote(tenantA, id, 'of a')])
  const [[seen], [foreign]] = await Promise.all([
    connected.group(tenantA, [statement('select text from scratch.notes where id = $1', [id])]),
    connected.group(tenantB, [statement('select text from scratch.notes where id = $1', [id])]),
  ])
  assert.deepEqual([seen, foreign], [[{ text: 'of a' }], []])
  const [changed, deleted] = await connected.group(tenantB, [
    statement<{ id: string }>(`update scratch.notes set text = 'taken' where id = $1 returning id`, [id]),
    statement<{ id: string }>('delete from scratch.notes where id = $1 returning id', [id]),
  ])
  assert.deepEqual([changed, deleted], [[], []])
})

test('P6: a row of another tenant cannot be written', async () => {
  const connected = await scratch.open()
  await assert.rejects(connected.group(tenantB, [insertNote(tenantA, randomUUID(), 'smuggled')]), refusedByPolicy)
  const id = randomUUID()
  const moves = statement('update scratch.notes set tenant_id = $1 where id = $2', [tenantA, id])
  await assert.rejects(connected.group(tenantB, [insertNote(tenantB, id, 'moved'), moves]), refusedByPolicy)
})

test('P6: without a tenant there are no rows and nothing can be written', async () => {
  const connected = await scratch.open()
  await connected.group(tenantA, [insertNote(tenantA, randomUUID(), 'somewhere')])
  const bare = postgres(scratch.database.url('csr_ingest'), { max: 1, fetch_types: false })
  try {
    assert.deepEqual([...(await bare`select id from scratch.notes`)], [])
    const insert = bare`insert into scratch.notes (tenant_id, id, text) values (${tenantA}, ${randomUUID()}, 'bare')`
    await assert.rejects(insert, { code: '42501' })
    assert.deepEqual(
      [...(await scratch.owner`select id from scratch.notes`)],
      [],
      'the owner is under the policy as well',
    )
  } finally {
    await bare.end()
  }
  await assert.rejects(connected.group('', [insertNote(tenantA, randomUUID(), 'no tenant')]), refusedByPolicy)
  assert.deepEqual(await connected.group('', [allNotes]), [[]])
})

test('P6: the worker role has no tenant and no grant on a tenant table', async () => {
  const connected = await scratch.open()
  assert.deepEqual(await connected.worker([tenantSeen]), [[{ tenant: null }]])
  await assert.rejects(
    connected.worker([allNotes]),
    (error) => error instanceof PostgresRefused && error.sqlstate === '42501',
  )
})

test('P6: roles of services are neither superuser nor owner nor exempt from row-level security', async () => {
  const connected = await scratch.open()
  const attributes = statement(`
    select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as privileged,
           exists (select from pg_class where relowner = pg_roles.oid) as owner,
           exists (select from pg_auth_members where member = pg_roles.oid) as member
    from pg_roles where rolname = current_user`)
  const expected = [[{ privileged: false, owner: false, member: false }]]
  assert.deepEqual(await connected.group(tenantA, [attributes]), expected)
  assert.deepEqual(await connected.worker([attributes]), expected)
  const setRole = statement('set role csr_owner')
  await assert.rejects(
    connected.group(tenantA, [setRole]),
    (error) => error instanceof PostgresRefused && error.sqlstate === '42501',
  )
})

type Step = { readonly tenant: 0 | 1 | 2; readonly kind: 'write' | 'read' | 'breach' | 'fail' | 'setting' }

const steps = fc.array(
  fc.record<Step>({
    tenant: fc.constantFrom(0, 1, 2),
    kind: fc.constantFrom('write', 'write', 'read', 'read', 'breach', 'fail', 'setting'),
  }),
  { minLength: 2, maxLength: 25 },
)

test('P6: over one connection, tenants interleaved at random never see one another, also after errors', async () => {
  const connected = await scratch.open({ connectionsMax: 1 })
  const property = fc.asyncProperty(steps, async (plan) => {
    const tenants: string[] = [randomUUID(), randomUUID(), randomUUID()]
    const written = new Map(tenants.map((tenant) => [tenant, new Set<string>()]))
    const take = async ({ tenant: index, kind }: Step): Promise<void> => {
      const tenant = tenants[index] ?? ''
      const other = tenants[(index + 1) % 3] ?? ''
      const id = randomUUID()
      switch (kind) {
        case 'write':
          written.get(tenant)?.add(id)
          await connected.group(tenant, [insertNote(tenant, id, tenant)])
          break
        case 'read': {
          const [rows, [seen]] = await connected.group(tenant, [allNotes, tenantSeen])
          assert.equal(seen?.tenant, tenant)
          assert.ok(rows.every((row) => row.text === tenant && written.get(tenant)?.has(row.id)))
          break
        }
        case 'breach':
          await assert.rejects(connected.group(tenant, [insertNote(other, id, other)]), refusedByPolicy)
          break
        case 'fail':
          await assert.rejects(connected.group(tenant, [insertNote(tenant, id, tenant), statement('select 1 / 0')]))
          break
        case 'setting':
          await connected.group(tenant, [statement(`select set_config('app.tenant_id', $1, true)`, [tenant])])
      }
    }
    await Promise.all(plan.map(take))
    for (const tenant of tenants) {
      const [rows] = await connected.group(tenant, [allNotes])
      assert.deepEqual(new Set(rows.map((row) => row.id)), written.get(tenant))
    }
  })
  await fc.assert(property, { numRuns: 25 })
})
