import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { route } from '../src/route.ts'
import { keysOnDisk, type KeysOnDisk } from './keys-on-disk.ts'
import { runServer } from './running-server.ts'
import { selfSigned } from './self-signed.ts'

let keys: KeysOnDisk
let directory: string
before(async () => {
  keys = await keysOnDisk(['access'])
  directory = await mkdtemp(join(tmpdir(), 'csr-tls-'))
})
after(async () => {
  await keys[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

const hello = route({
  ...{ method: 'GET', path: '/v1/hello', summary: 'says hello', permission: 'public' },
  answers: { 200: z.object({ hello: z.string() }) },
  async handle() {
    return { status: 200, body: { hello: 'world' } }
  },
})

async function files(): Promise<{ certificateFile: string; keyFile: string; certificate: string }> {
  const { certificate, key } = selfSigned()
  const [certificateFile, keyFile] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  await writeFile(certificateFile, certificate)
  await writeFile(keyFile, key)
  return { certificateFile, keyFile, certificate }
}

type Asked = { readonly port: number; readonly ca: string; readonly maxVersion?: 'TLSv1.1' }

function ask({ port, ca, maxVersion }: Asked): Promise<{ status: number; body: string }> {
  const options = { host: '127.0.0.1', port, path: '/v1/hello', servername: 'localhost', ca, agent: false as const }
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, ...(maxVersion && { maxVersion, minVersion: maxVersion }) }, (answer) => {
      let body = ''
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('with a certificate a server speaks HTTPS, and nothing older than TLS 1.2', async () => {
  const { certificate: ca, ...tls } = await files()
  await using server = await runServer({ routes: [hello], publicKeysDir: keys.publicKeysDir, door: 'edge', tls })
  assert.match(server.url, /^https:/)
  assert.deepEqual(await ask({ port: server.port, ca }), { status: 200, body: '{"hello":"world"}' })
  await assert.rejects(ask({ port: server.port, ca, maxVersion: 'TLSv1.1' }))
})

test('plain HTTP on the port of HTTPS gets no answer of a route', async () => {
  const { certificate: _ca, ...tls } = await files()
  await using server = await runServer({ routes: [hello], publicKeysDir: keys.publicKeysDir, door: 'edge', tls })
  const said = await new Promise<string>((resolve) => {
    let text = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write('GET /v1/hello HTTP/1.1\r\nhost: x\r\n\r\n'))
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
  assert.ok(!said.includes('hello'), said)
})

test('a missing certificate refuses to start', async () => {
  const tls = { certificateFile: join(directory, 'none.pem'), keyFile: join(directory, 'none.key') }
  await assert.rejects(runServer({ routes: [hello], publicKeysDir: keys.publicKeysDir, door: 'edge', tls }), {
    code: 'ENOENT',
  })
})
