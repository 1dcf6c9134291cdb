import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { z } from 'zod'
import { trustedProxies } from '../src/client-address.ts'
import { ProblemError } from '../src/problem.ts'
import { route } from '../src/route.ts'
import type { ServerOptions } from '../src/server.ts'
import { keysOnDisk, type KeysOnDisk } from './keys-on-disk.ts'
import { runServer, type RunningServer } from './running-server.ts'
import { selfSigned } from './self-signed.ts'

let keys: KeysOnDisk
let directory: string
before(async () => {
  keys = await keysOnDisk(['access'])
  directory = await mkdtemp(join(tmpdir(), 'csr-headers-'))
})
after(async () => {
  await keys[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

const thrown = (error: Error): never => {
  throw error
}

const facts = { summary: 'a route', permission: 'public' } as const
const answers = { 200: z.object({}) }
const routes = [
  route({
    ...facts,
    ...{ method: 'GET', path: '/v1/things', answers },
    handle: async () => ({ status: 200, body: {} }),
  }),
  route({
    ...{
      ...facts,
      method: 'POST',
      path: '/v1/things',
      body: z.object({ name: z.string() }),
      bodyBytesMax: 100,
      answers,
    },
    handle: async () => ({ status: 200, body: {} }),
  }),
  route({
    ...{ ...facts, method: 'GET', path: '/v1/secrets', permission: 'signed-in', answers },
    handle: async () => ({ status: 200, body: {} }),
  }),
  route({
    ...{ ...facts, method: 'GET', path: '/v1/defects', answers },
    handle: async () => thrown(new Error('a defect')),
  }),
  route({
    ...{ ...facts, method: 'GET', path: '/v1/absent', answers },
    handle: async () => thrown(new ProblemError('dependency-unavailable', { retryAfterSeconds: 1 })),
  }),
  route({
    ...{ ...facts, method: 'GET', path: '/page', answers },
    handle: async () => ({
      status: 200,
      body: Buffer.from('<p>'),
      headers: { 'content-type': 'text/html', 'content-security-policy': "default-src 'self'" },
    }),
  }),
]

const json = 'content-type: application/json\r\n'
const post = (head: string, body: string): string =>
  `POST /v1/things HTTP/1.1\r\nhost: x\r\n${head}content-length: ${body.length}\r\n\r\n${body}`

/** Every kind of answer the edge gives, by the request that brings it about. */
const table: readonly (readonly [status: number, what: string, bytes: string])[] = [
  [200, 'an answer', 'GET /v1/things HTTP/1.1\r\nhost: x\r\n\r\n'],
  [200, 'a probe', 'GET /health/liveness HTTP/1.1\r\nhost: x\r\n\r\n'],
  [200, 'HEAD', 'HEAD /v1/things HTTP/1.1\r\nhost: x\r\n\r\n'],
  [404, 'an unknown route', 'GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n'],
  [404, 'an encoded path', 'GET /v1/%2e%2e/things HTTP/1.1\r\nhost: x\r\n\r\n'],
  [404, 'a path nobody can decode', 'GET /v1/%zz HTTP/1.1\r\nhost: x\r\n\r\n'],
  [405, 'another method', 'DELETE /v1/things HTTP/1.1\r\nhost: x\r\n\r\n'],
  [401, 'no token', 'GET /v1/secrets HTTP/1.1\r\nhost: x\r\n\r\n'],
  [401, 'a forged token', 'GET /v1/secrets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer e30.e30.AAAA\r\n\r\n'],
  [400, 'no JSON', post(json, '{')],
  [422, 'another shape', post(json, '{}')],
  [415, 'another media type', post('content-type: text/plain\r\n', 'x')],
  [413, 'too long a body', post(json, JSON.stringify({ name: 'a'.repeat(200) }))],
  [414, 'too long a target', `GET /${'a'.repeat(9_000)} HTTP/1.1\r\nhost: x\r\n\r\n`],
  [431, 'too long headers', `GET /v1/things HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`],
  [400, 'two framings', post(`${json}transfer-encoding: chunked\r\n`, '0')],
  [400, 'no HTTP', 'nonsense\r\n\r\n'],
  [500, 'a defect', 'GET /v1/defects HTTP/1.1\r\nhost: x\r\n\r\n'],
  [503, 'what it needs is away', 'GET /v1/absent HTTP/1.1\r\nhost: x\r\n\r\n'],
]

const transport = 'strict-transport-security: max-age=31536000; includeSubDomains'
const protecting = [
  'cache-control: no-store',
  "content-security-policy: default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy: same-origin',
  'referrer-policy: no-referrer',
  'x-content-type-options: nosniff',
]

type Options = Partial<ServerOptions>

const run = (options: Options): Promise<RunningServer> =>
  runServer({ routes, publicKeysDir: keys.publicKeysDir, service: 'gateway', door: 'edge', ...options })

/** Sends bytes as they are and reads the head of what comes back, with its lines in lower case. */
function headOf(open: () => Socket, bytes: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = open()
    let text = ''
    const end = (): void => {
      socket.destroy()
      resolve((text.split('\r\n\r\n')[0] ?? '').split('\r\n'))
    }
    socket.setTimeout(5_000, () => reject(new Error(`no answer to ${bytes.slice(0, 60)}`)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes('\r\n\r\n')) end()
    })
    socket.on('close', end)
    socket.on('error', () => undefined)
    socket.write(bytes)
  })
}

function assertProtected(what: string, status: number, head: readonly string[]): void {
  assert.match(head[0] ?? '', new RegExp(`^HTTP/1\\.1 ${status} `), what)
  for (const line of protecting) assert.equal(head.filter((other) => other === line).length, 1, `${what}: ${line}`)
}

test('every answer of the edge carries the protecting headers, over plain HTTP none that speaks of TLS', async () => {
  await using server = await run({})
  for (const [status, what, bytes] of table) {
    const head = await headOf(() => connect(server.port, '127.0.0.1'), bytes)
    assertProtected(what, status, head)
    assert.ok(!head.some((line) => line.startsWith('strict-transport-security')), what)
  }
})

test('over TLS every answer of the edge asks browsers to come back over TLS only', async () => {
  const { certificate, key } = selfSigned()
  const tls = { certificateFile: join(directory, 'certificate.pem'), keyFile: join(directory, 'key.pem') }
  await writeFile(tls.certificateFile, certificate)
  await writeFile(tls.keyFile, key)
  await using server = await run({ tls })
  const options = { host: '127.0.0.1', port: server.port, servername: 'localhost', ca: certificate }
  for (const [status, what, bytes] of table) {
    const head = await headOf(() => connectTls(options), bytes)
    assertProtected(what, status, head)
    assert.ok(head.includes(transport), `${what}: ${head.join(' | ')}`)
  }
})

test('behind a proxy that ends TLS its word counts, and nobody else’s', async () => {
  const asked = async (server: RunningServer, protocol: string): Promise<boolean> => {
    const bytes = `GET /v1/nothing HTTP/1.1\r\nhost: x\r\nx-forwarded-proto: ${protocol}\r\n\r\n`
    const head = await headOf(() => connect(server.port, '127.0.0.1'), bytes)
    assertProtected(protocol, 404, head)
    return head.includes(transport)
  }
  await using behind = await run({ proxies: trustedProxies(['127.0.0.0/8']) })
  for (const [protocol, expected] of [
    ['https', true],
    ['HTTPS', true],
    ['http, https', true],
    ['http', false],
    ['https, http', false],
    ['', false],
  ] as const)
    assert.equal(await asked(behind, protocol), expected, protocol)
  await using elsewhere = await run({ proxies: trustedProxies(['192.0.2.1']) })
  assert.equal(await asked(elsewhere, 'https'), false)
  await using alone = await run({})
  assert.equal(await asked(alone, 'https'), false)
})

test('a page brings its own policy in place of that of all others', async () => {
  await using server = await run({})
  const head = await headOf(() => connect(server.port, '127.0.0.1'), 'GET /page HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.deepEqual(
    head.filter((line) => line.startsWith('content-security-policy')),
    ["content-security-policy: default-src 'self'"],
  )
})
