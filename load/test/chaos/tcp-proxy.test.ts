import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { startTcpProxy } from '../../chaos/tcp-proxy.ts'

/** Answers each piece with the same piece, and remembers its connections. */
async function echo(): Promise<Server & { readonly sockets: Socket[]; readonly portNumber: number }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return Object.assign(server, { sockets, portNumber: typeof address === 'object' ? (address?.port ?? 0) : 0 })
}

async function dial(port: number): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text))
  await once(socket, 'connect')
  return { socket, heard: () => heard }
}

const hears = (client: { heard: () => string }, text: string) =>
  eventually(() => assert.equal(client.heard(), text), { what: `hearing ${text}` })

test('an open link hands everything on, also the end', async () => {
  const server = await echo()
  await using proxy = await startTcpProxy(server.portNumber)
  const client = await dial(proxy.port)
  client.socket.end('hello')
  await once(client.socket, 'close')
  assert.equal(client.heard(), 'hello')
  server.close()
})

test('a slow link delays each piece in both directions and keeps their order, also when it gets faster', async () => {
  const server = await echo()
  await using proxy = await startTcpProxy(server.portNumber)
  proxy.set({ is: 'slow', delayMs: 100 })
  const client = await dial(proxy.port)
  const startedMs = performance.now()
  client.socket.write('a')
  await hears(client, 'a')
  assert.ok(performance.now() - startedMs >= 200)
  client.socket.write('b')
  await eventually(() => assert.ok(client.socket.bytesWritten >= 2))
  proxy.set({ is: 'open' })
  client.socket.write('c')
  await hears(client, 'abc')
  client.socket.destroy()
  server.close()
})

test('a black hole swallows nothing: what was sent arrives when it opens, and nobody was told of anything', async () => {
  const server = await echo()
  await using proxy = await startTcpProxy(server.portNumber)
  const client = await dial(proxy.port)
  client.socket.write('before ')
  await hears(client, 'before ')
  proxy.set({ is: 'black hole' })
  let closed = false
  client.socket.once('close', () => (closed = true))
  client.socket.write('inside ')
  const another = await dial(proxy.port)
  another.socket.write('also')
  await eventually(() => assert.ok(another.socket.bytesWritten === 4))
  assert.equal(server.sockets.length <= 2, true)
  assert.deepEqual([client.heard(), another.heard(), closed], ['before ', '', false])
  proxy.set({ is: 'open' })
  await hears(client, 'before inside ')
  await hears(another, 'also')
  for (const { socket } of [client, another]) socket.destroy()
  server.close()
})

test('half-open: the server sees the end, the client goes on talking to nobody, a new connection works', async () => {
  const server = await echo()
  await using proxy = await startTcpProxy(server.portNumber)
  const client = await dial(proxy.port)
  client.socket.write('once')
  await hears(client, 'once')
  proxy.halfOpen()
  await eventually(() => assert.equal(server.sockets[0]?.destroyed, true))
  client.socket.write('again')
  const fresh = await dial(proxy.port)
  fresh.socket.write('new')
  await hears(fresh, 'new')
  assert.deepEqual([client.heard(), client.socket.destroyed], ['once', false])
  for (const { socket } of [client, fresh]) socket.destroy()
  server.close()
})
