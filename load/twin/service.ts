import { createHmac, timingSafeEqual } from 'node:crypto'
import fastify from 'fastify'
import postgres from 'postgres'

/*
 * The bare twin of the services: Fastify and a driver pool of 10, one named statement per request in autocommit.
 * Accept: HMAC, JSON.parse, insert with on conflict do nothing. Read: select by key.
 * Arguments: port, database url, webhook secret in base64.
 */
const [port = '0', database = '', secret = ''] = process.argv.slice(2)
const sql = postgres(database, { max: 10, onnotice: () => undefined })
const key = Buffer.from(secret, 'base64')
await sql`create table if not exists twin_deliveries (id text primary key, body jsonb not null, at timestamptz not null default now())`
await sql`create table if not exists twin_profiles (id uuid primary key, created_at timestamptz not null, changed_at timestamptz not null)`

const app = fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

app.post('/v1/webhooks/:partner/:endpoint', async (request, reply) => {
  const body = request.body as Buffer
  const id = String(request.headers['webhook-id'])
  const signed = createHmac('sha256', key)
    .update(`${id}.${String(request.headers['webhook-timestamp'])}.`)
    .update(body)
  const given = Buffer.from(String(request.headers['webhook-signature']).slice('v1,'.length), 'base64')
  const expected = signed.digest()
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return reply.code(401).send({})
  const parsed = JSON.parse(body.toString()) as postgres.JSONValue
  await sql`insert into twin_deliveries (id, body) values (${id}, ${sql.json(parsed)}) on conflict do nothing`
  return reply.code(202).send({ deliveryId: id, outcome: 'accepted' })
})

app.put('/v1/profiles/:id', async (request) => {
  const { id } = request.params as { id: string }
  await sql`insert into twin_profiles values (${id}, now(), now()) on conflict do nothing`
  return {}
})

app.get('/v1/profiles/:id', async (request, reply) => {
  const { id } = request.params as { id: string }
  const [row] = await sql`select id, created_at, changed_at from twin_profiles where id = ${id}`
  return row ? { id: row['id'], createdAt: row['created_at'], changedAt: row['changed_at'] } : reply.code(404).send({})
})

await app.listen({ host: '127.0.0.1', port: Number(port) })
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
