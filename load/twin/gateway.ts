import fastify from 'fastify'
import { Pool } from 'undici'

/*
 * The bare twin of the gateway: Fastify and an undici pool of 64 that forwards raw bytes. No tokens, no checks, no limits.
 * Arguments: port, url of the service.
 */
const [port = '0', service = ''] = process.argv.slice(2)
const pool = new Pool(service, { connections: 64, pipelining: 1 })
const app = fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.all('/*', async (request, reply) => {
  const { statusCode, headers, body } = await pool.request({
    method: request.method,
    path: request.url,
    headers: {
      'content-type': request.headers['content-type'],
      'webhook-id': request.headers['webhook-id'],
      'webhook-timestamp': request.headers['webhook-timestamp'],
      'webhook-signature': request.headers['webhook-signature'],
    },
    body: (request.body as Buffer | undefined) ?? null,
  })
  return reply
    .code(statusCode)
    .type(String(headers['content-type']))
    .send(Buffer.from(await body.arrayBuffer()))
})
await app.listen({ host: '127.0.0.1', port: Number(port) })
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
