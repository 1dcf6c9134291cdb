import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import postgres from 'postgres'
import { createScratch, type Scratch } from './scratch.ts'

let scratch: Scratch
before(async () => void (scratch = await createScratch()))
after(() => scratch[Symbol.asyncDispose]())

/** A hang is a failure; the limit leaves room for the preparation of the databases. */
const limit = { timeout: 30_000 }

/** The mended driver itself; what stands here fails or hangs with the published one. */
const connect = (options: object = {}): postgres.Sql =>
  postgres(scratch.database.url('csr_ingest'), { max: 1, fetch_types: false, backoff: () => 0.05, ...options })

const terminate = (name: string) =>
  scratch.admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`

test('a reservation on a fresh connection is answered', limit, async () => {
  const sql = connect()
  const reserved = await sql.reserve()
  assert.deepEqual([...(await reserved`select 1 as one`)], [{ one: 1 }])
  reserved.release()
  await sql.end()
})

test('queries of a reserved connection that dies are all answered, later ones too', limit, async () => {
  const sql = connect({ connection: { application_name: 'reserved' } })
  const reserved = await sql.reserve()
  await reserved`select 1`
  const queries = [reserved`select pg_sleep(${3})`, reserved`select ${1}::int`, reserved`select ${2}::int`]
  const settled = Promise.allSettled(queries)
  await terminate('reserved')
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  await assert.rejects(async () => await reserved`select 1`)
  assert.deepEqual([...(await sql`select 1 as one`)], [{ one: 1 }])
  await sql.end()
})

test('a transaction whose connection dies never goes on outside of it', limit, async () => {
  const sql = connect({ connection: { application_name: 'begun' }, max: 2 })
  const seen: unknown[] = []
  const begun = sql.begin(async (transaction) => {
    await terminate('begun')
    await transaction`select 1`.catch((error: unknown) => seen.push(error))
    seen.push(await transaction`select 1 as one`.catch(() => 'refused'))
  })
  await assert.rejects(begun)
  assert.deepEqual(seen.at(-1) ?? 'refused', 'refused')
  await sql.end({ timeout: 1 })
})

test('what the server said before it hung up is what is thrown', limit, async () => {
  const sql = connect({ connection: { application_name: 'spoken' } })
  await sql`select 1`
  const query = sql`select pg_sleep(20)`.execute()
  const refused = assert.rejects(async () => await query, { code: '57P01' })
  // a session that ends before it has read the query takes its last words along: the system drops them with the connection
  await eventually(async () => {
    const [row] = await scratch.admin`
      select wait_event from pg_stat_activity where application_name = 'spoken' and state = 'active'`
    assert.equal(row?.['wait_event'], 'PgSleep')
  })
  await terminate('spoken')
  await refused
  await sql.end()
})

test('a query that cannot be built fails alone and shifts no answer', limit, async () => {
  const sql = connect()
  const bad = { value: undefined }
  await sql`select 0`
  const results = await Promise.allSettled([
    sql`select 1 as a`,
    sql`select ${bad.value as unknown as string} as b`,
    sql`select 3 as c`,
  ])
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? [...result.value] : 'refused')),
    [[{ a: 1 }], 'refused', [{ c: 3 }]],
  )
  await sql.end()
})

test('a write that was due when the connection ended does not keep the next one from being sent', limit, async () => {
  const sockets: net.Socket[] = []
  const socket = async ({ host, port }: { host: string[]; port: number[] }): Promise<net.Socket> => {
    const opened = net.connect(port[0] ?? 0, host[0])
    sockets.push(opened)
    await once(opened, 'connect')
    return opened
  }
  const sql = connect({ socket })
  await sql`select 1`
  const interrupted = sql`select 2`.execute()
  const rejected = assert.rejects(interrupted, { code: 'CONNECTION_CLOSED' })
  await Promise.resolve()
  await Promise.resolve()
  sockets[0]?.emit('close', false)
  await rejected
  assert.deepEqual([...(await sql`select 3 as three`)], [{ three: 3 }])
  assert.equal(sockets.length, 2)
  sockets[0]?.destroy()
  await sql.end({ timeout: 1 })
})
