import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { services, type Service } from '@csr/contracts/services'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { PostgresRefused } from '@csr/postgres/errors'
import { statement, type Statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { newId, openKeyrings, rowsAsAdmin, type TestKeyrings } from './open-keyrings.ts'

let keyrings: TestKeyrings
let tenantId: string
let foreignTenantId: string
let subjectId: string
const asRole = new Map<Service, Postgres>()

before(async () => {
  keyrings = await openKeyrings()
  const logger = createLogger({ service: 'test', destination: { write: () => undefined } })
  for (const service of services) {
    const postgres = createPostgres({
      name: service,
      url: keyrings.database.keysUrl(`csr_${service}`),
      logger,
      connectionsMax: 1,
    })
    await postgres.start?.()
    asRole.set(service, postgres)
  }
  foreignTenantId = (await personOf()).tenantId
  ;({ tenantId, subjectId } = await personOf())
})
after(async () => {
  for (const postgres of asRole.values()) await postgres[Symbol.asyncDispose]()
  await keyrings[Symbol.asyncDispose]()
})

async function personOf() {
  const { ingest, tenantId: tenant } = await keyrings.tenant()
  const people = [{ email: 'participant-1@example.org', partner: 'kintell' as const, externalId: 'x-1' }]
  const { subjectIds } = await ingest.resolveSubjects(tenant, people)
  await ingest.createRecordKeys(tenant, [newId()])
  return { tenantId: tenant, subjectId: subjectIds[0] as string }
}

/** How many rows the statement touched, or `refused` where grants or policies do not allow it. */
async function attempt(service: Service, text: string, values: readonly unknown[] = []): Promise<number | 'refused'> {
  const rowsTouched: Statement = statement<unknown>(text, values)
  try {
    const [rows] = await (asRole.get(service) as Postgres).group(tenantId, [rowsTouched])
    return rows.length
  } catch (error) {
    assert.ok(error instanceof PostgresRefused, String(error))
    assert.equal(error.sqlstate, '42501')
    return 'refused'
  }
}

/** What each service may do: everything else is refused, or touches no row. */
const may: Readonly<Record<string, readonly Service[]>> = {
  'read tenant keys': ['gateway', 'ingest', 'profile', 'q2q', 'safety', 'privacy'],
  'read data keys': ['gateway', 'ingest', 'profile', 'q2q', 'safety', 'privacy'],
  'read tombstones': ['gateway', 'ingest', 'profile', 'q2q', 'safety', 'privacy'],
  'read identifiers': ['ingest', 'profile', 'privacy'],
  'make tenant keys': ['gateway'],
  'make subject keys': ['ingest'],
  'make record keys': ['gateway', 'ingest', 'profile', 'q2q', 'safety', 'privacy'],
  'make identifiers': ['ingest'],
  'destroy record keys': ['ingest', 'privacy'],
  'restrict subjects': ['privacy'],
  'destroy subject keys': ['privacy'],
}

const newKey = (kind: string): string =>
  `insert into keys.data_keys (tenant_id, key_id, kind, version, tenant_key_version, wrapped_key, created_at)
   values ($1, $2, '${kind}', 1, 1, decode(repeat('ab', 60), 'hex'), now()) returning 1 as one`

const deeds: Readonly<Record<string, (tenant: string) => readonly [text: string, values?: readonly unknown[]]>> = {
  'read tenant keys': (tenant) => ['select from keys.tenant_keys where tenant_id = $1', [tenant]],
  'read data keys': (tenant) => ['select from keys.data_keys where tenant_id = $1', [tenant]],
  'read tombstones': (tenant) => ['select from keys.tombstones where tenant_id = $1', [tenant]],
  'read identifiers': (tenant) => ['select from keys.identifiers where tenant_id = $1', [tenant]],
  'make tenant keys': (tenant) => [
    `insert into keys.tenant_keys (tenant_id, version, root_key_id, wrapped_key, created_at)
     values ($1, 2, 'r', decode(repeat('ab', 60), 'hex'), now()) returning 1 as one`,
    [tenant],
  ],
  'make subject keys': (tenant) => [newKey('subject'), [tenant, newId()]],
  'make record keys': (tenant) => [newKey('record'), [tenant, newId()]],
  'make identifiers': (tenant) => [
    `insert into keys.identifiers (tenant_id, blind_index, kind, subject_id, created_at)
     values ($1, sha256($2::text::bytea), 'email', $3, now()) returning 1 as one`,
    [tenant, newId(), subjectId],
  ],
  'destroy record keys': (tenant) => [
    `delete from keys.data_keys where tenant_id = $1 and key_id =
       (select key_id from keys.data_keys where tenant_id = $1 and kind = 'record' limit 1) returning 1 as one`,
    [tenant],
  ],
  'restrict subjects': (tenant) => [
    `update keys.data_keys set restricted = false where tenant_id = $1 and kind = 'subject' returning 1 as one`,
    [tenant],
  ],
  'destroy subject keys': (tenant) => [
    `delete from keys.data_keys where tenant_id = $1 and kind = 'subject' returning 1 as one`,
    [tenant],
  ],
}

for (const [deed, allowed] of Object.entries(may)) {
  test(`who may ${deed}: ${allowed.join(', ')}`, async () => {
    await rowsAsAdmin(keyrings, 'insert into keys.tombstones (tenant_id, key_id, kind) values ($1, $2, $3)', [
      tenantId,
      newId(),
      'record',
    ])
    for (const service of services) {
      const [text, values] = deeds[deed]?.(tenantId) ?? ['']
      const touched = await attempt(service, text, values)
      if (allowed.includes(service)) assert.ok(typeof touched === 'number' && touched > 0, `${service} may ${deed}`)
      else assert.ok(touched === 'refused' || touched === 0, `${service} may not ${deed}`)
    }
  })

  test(`P6: nobody may ${deed} of another tenant`, async () => {
    for (const service of services) {
      const [text, values] = deeds[deed]?.(foreignTenantId) ?? ['']
      const touched = await attempt(service, text, values)
      assert.ok(touched === 'refused' || touched === 0, `${service} may not ${deed} of another tenant`)
    }
  })
}

test('nobody may change or take away tombstones, tenant keys, identifiers or wrapped keys', async () => {
  for (const service of services) {
    for (const text of [
      'delete from keys.tombstones returning 1 as one',
      'update keys.tombstones set key_id = gen_random_uuid() returning 1 as one',
      `insert into keys.tombstones (tenant_id, key_id, kind) values (keys.tenant_id(), gen_random_uuid(), 'record')`,
      'delete from keys.tenant_keys returning 1 as one',
      'update keys.tenant_keys set root_key_id = null returning 1 as one',
      'delete from keys.identifiers returning 1 as one',
      'update keys.identifiers set subject_id = gen_random_uuid() returning 1 as one',
      `update keys.data_keys set wrapped_key = decode('', 'hex') returning 1 as one`,
      `update keys.data_keys set kind = 'record' returning 1 as one`,
      'truncate keys.data_keys cascade',
    ])
      assert.equal(await attempt(service, text), 'refused', `${service}: ${text}`)
  }
})

test('P6: row-level security is enabled and forced on every table of keys, and no policy lets everything through', async () => {
  const tables = await rowsAsAdmin(
    keyrings,
    `select relname, relrowsecurity, relforcerowsecurity from pg_class
     where relnamespace = 'keys'::regnamespace and relkind in ('r', 'p')`,
    [],
  )
  assert.equal(tables.length, 4)
  for (const table of tables)
    assert.ok(table['relrowsecurity'] && table['relforcerowsecurity'], String(table['relname']))
  const policies = await rowsAsAdmin(keyrings, `select * from pg_policies where schemaname = 'keys'`, [])
  assert.ok(policies.length >= 10)
  for (const { qual, with_check } of policies)
    assert.match(String(qual ?? with_check), /tenant_id = keys\.tenant_id\(\)/)
})

test('P6: without a tenant no role sees a row', async () => {
  for (const table of ['tenant_keys', 'data_keys', 'identifiers', 'tombstones']) {
    await keyrings.admin.begin(async (sql) => {
      await sql`set local role csr_privacy`
      const [row] = await sql.unsafe(`select count(*)::int as count from keys.${table}`)
      assert.equal(row?.['count'], 0)
    })
  }
})
