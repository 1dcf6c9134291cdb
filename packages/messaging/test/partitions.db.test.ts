import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { insertEvents } from '@csr/messaging/outbox'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { clock, session, tenantId } from './rig.ts'

let database: TestDatabase
let ingest: Postgres
before(async () => {
  database = await privateDatabase()
  const logger = createLogger({ service: 'ingest', level: 'error', destination: { write: () => undefined } })
  const [url, workerUrl] = [database.url('csr_ingest'), database.url('csr_ingest_worker')]
  ingest = createPostgres({ name: 'ingest', url, workerUrl, logger })
  await ingest.start?.()
  await eventually(() => ingest.worker([statement('select 1')]))
})
after(async () => {
  await ingest[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const dayMs = 86_400_000
const keep = (at: number) =>
  ingest.worker([statement('select ops.keep_messaging($1, $2)', ['ingest', new Date(at).toISOString()])])
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')

async function partitions(table: string): Promise<string[]> {
  const [rows] = await ingest.worker([
    statement<{ name: string }>(
      `select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid
       where inhparent = ('ingest.' || $1)::regclass order by 1`,
      [table],
    ),
  ])
  return rows.map(({ name }) => name)
}

/** An event whose id says it was made then, and where its row lies. */
async function write(atMs: number, mark: string): Promise<{ id: string; lies: () => Promise<string | undefined> }> {
  const id = uuidFloor(atMs).replace(/0000$/, mark)
  await ingest.group(tenantId, [insertEvents('ingest', [session({ id })])])
  return {
    id,
    async lies() {
      const [rows] = await ingest.worker([
        statement<{ place: string }>(`select tableoid::regclass::text as place from ingest.outbox where id = $1`, [id]),
      ])
      return rows[0]?.place
    },
  }
}

test('partitions stand several days ahead; what has none waits in the default partition and moves', async () => {
  const nowMs = clock.nowMs()
  assert.ok((await partitions('outbox')).includes(`outbox_${dayOf(nowMs + 3 * dayMs)}`))
  const early = await write(nowMs + 20 * dayMs, 'aaaa')
  assert.equal(await early.lies(), 'ingest.outbox_default')
  await keep(nowMs + 20 * dayMs)
  assert.equal(await early.lies(), `ingest.outbox_${dayOf(nowMs + 20 * dayMs)}`)
})

test('P3: an old partition goes after 14 days, but not before everything in it was sent', async () => {
  const oldMs = clock.nowMs() - 30 * dayMs
  const old = await write(oldMs, 'bbbb')
  await keep(oldMs)
  const partition = `outbox_${dayOf(oldMs)}`
  await keep(clock.nowMs())
  assert.equal(await old.lies(), `ingest.${partition}`)
  await ingest.worker([statement(`update ingest.outbox set epoch = 'e', sequence = 1 where id = $1`, [old.id])])
  await keep(clock.nowMs())
  assert.equal(await old.lies(), undefined)
  assert.ok(!(await partitions('outbox')).includes(partition))
})

test('P2: the inbox remembers 45 days', async () => {
  const nowMs = clock.nowMs()
  await keep(nowMs - 44 * dayMs)
  await keep(nowMs - 60 * dayMs)
  await keep(nowMs)
  const kept = await partitions('inbox')
  assert.ok(kept.includes(`inbox_${dayOf(nowMs - 44 * dayMs)}`))
  assert.ok(!kept.includes(`inbox_${dayOf(nowMs - 60 * dayMs)}`))
})

test('a worker keeps the partitions of its own service only, the request role none', async () => {
  const foreign = statement('select ops.keep_messaging($1, now())', ['profile'])
  await assert.rejects(ingest.worker([foreign]), /42501/)
  await assert.rejects(ingest.group(tenantId, [statement(`select ops.keep_messaging('ingest', now())`)]), /42501/)
})

test('P6: no partition can be read or written past the policies of its table', async () => {
  for (const name of [...(await partitions('outbox')), ...(await partitions('inbox'))]) {
    await assert.rejects(ingest.worker([statement(`select tenant_id from ingest.${name}`)]), /42501/)
    await assert.rejects(ingest.group(tenantId, [statement(`select tenant_id from ingest.${name}`)]), /42501/)
  }
  const [unprotected] = await ingest.worker([
    statement<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'ingest'::regnamespace and relkind in ('r', 'p')
         and relname ~ '^(outbox|inbox|started|parked|relayed)' and not (relrowsecurity and relforcerowsecurity)`,
    ),
  ])
  assert.deepEqual(unprotected, [])
})
