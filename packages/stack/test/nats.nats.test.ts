import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inboxPrefixOf } from '@csr/messaging/users'
import { ephemeralFolder, killNow, type Ephemeral } from '@csr/testkit/ephemeral'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { testSecrets } from '@csr/testkit/secrets'
import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node'
import { identify } from '../src/process-identity.ts'
import { startNatsServer, type NatsOptions } from '../src/servers/nats-server.ts'
import { freePort } from '../src/servers/ports.ts'
import { startInOtherProcess } from './other-process.ts'

let nats: TestNats
let folder: Ephemeral
before(async () => {
  folder = ephemeralFolder()
  nats = await privateNats()
})
after(async () => {
  await nats[Symbol.asyncDispose]()
  folder.remove()
})

async function optionsFor(name: string): Promise<NatsOptions> {
  return {
    storeDir: join(folder.dir, name),
    configFile: join(folder.dir, `${name}.conf`),
    logFile: join(folder.dir, `${name}.log`),
    port: await freePort(),
    monitorPort: await freePort(),
    credentialsFile: (await testSecrets()).natsCredentialsFile,
  }
}

/** Resolves with the first error the server reports on this connection. */
async function refusalOf(connection: NatsConnection, act: () => void): Promise<string> {
  const statuses = connection.status()
  act()
  await connection.flush()
  for await (const status of statuses) if (status.type === 'error') return status.error.message
  return 'no error'
}

async function messagesOf(stream: string): Promise<number> {
  const admin = await nats.connect('admin')
  const info = (await admin.request(`$JS.API.STREAM.INFO.${stream}`)).json<{ state: { messages: number } }>()
  await admin.close()
  return info.state.messages
}

test('P1: every write is synced before it is acknowledged, as the running server says', async () => {
  const answer = await fetch(`${nats.monitorUrl}/jsz?config=1`)
  const { config } = (await answer.json()) as { config: { sync_always: boolean; store_dir: string } }
  assert.equal(config.sync_always, true)
  assert.ok(config.store_dir.startsWith(nats.storeDir))
  const { version } = (await (await fetch(`${nats.monitorUrl}/varz`)).json()) as { version: string }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  assert.ok(major > 2 || (major === 2 && minor >= 14), version)
})

test('nobody without a key gets in', async () => {
  await assert.rejects(connect({ servers: nats.url, reconnect: false, timeout: 2_000 }), /authorization/i)
  await assert.rejects(
    connect({ servers: nats.url, user: 'admin', pass: 'admin', reconnect: false, timeout: 2_000 }),
    /authorization/i,
  )
})

test('a service has no stream administration', async () => {
  const connection = await nats.connect('ingest')
  for (const subject of ['$JS.API.STREAM.DELETE.INGEST', '$JS.API.STREAM.PURGE.INGEST', '$JS.API.STREAM.CREATE.MINE']) {
    assert.match(await refusalOf(connection, () => connection.publish(subject)), /permissions violation/i, subject)
  }
  await connection.close()
  assert.equal(await messagesOf('INGEST'), 0)
})

test('a service publishes no topic of another and listens to no other than its own answers', async () => {
  const connection = await nats.connect('q2q')
  const publish = await refusalOf(connection, () => connection.publish('ingest.session.completed.v1', '{}'))
  assert.match(publish, /permissions violation/i)
  for (const subject of ['>', 'profile.>', `${inboxPrefixOf('ingest')}.>`, '$SYS.>']) {
    const refused = await refusalOf(connection, () => void connection.subscribe(subject, { callback: () => {} }))
    assert.match(refused, /permissions violation/i, subject)
  }
  const own = connection.subscribe(createInbox(inboxPrefixOf('q2q')), { callback: () => {} })
  await connection.flush()
  assert.equal(own.isClosed(), false)
  await connection.close()
})

test('the configuration holds public keys only, and both it and the credentials are private files', async () => {
  const options = await optionsFor('files')
  await using server = await startNatsServer(options)
  assert.ok(server.pid > 0)
  const config = readFileSync(options.configFile, 'utf8')
  const seed = readFileSync(options.credentialsFile('ingest'), 'utf8')
  assert.match(seed, /^SU[A-Z2-7]+\n$/)
  assert.doesNotMatch(config, /\bSU[A-Z2-7]{20,}/)
  for (const file of [options.configFile, options.credentialsFile('ingest')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file)
  }
})

test('nobody joins a cluster without the password of its routes', async () => {
  const port = await freePort()
  const cluster = { name: 'csr-1', port, routes: [{ host: '127.0.0.1', port }] }
  const options = { ...(await optionsFor('node')), cluster }
  await using server = await startNatsServer(options)
  assert.ok(server.pid > 0)
  for (const hello of ['{"verbose":false}', '{"verbose":false,"user":"route","pass":"guessed"}']) {
    const socket = net.connect(port, '127.0.0.1')
    socket.write(`CONNECT ${hello}\r\nPING\r\n`)
    const said = Buffer.concat(await socket.toArray()).toString()
    assert.match(said, /"auth_required":true/)
    assert.match(said, /-ERR 'Authorization Violation'/)
    assert.doesNotMatch(said, /PONG/)
  }
  const config = readFileSync(options.configFile, 'utf8')
  assert.doesNotMatch(config, /\bSU[A-Z2-7]{20,}/)
  assert.equal(statSync(options.configFile).mode & 0o777, 0o600)
})

test('P1: what was acknowledged is there after a kill', async () => {
  const sender = await nats.connect('ingest')
  const acknowledged = await sender.request('ingest.session.completed.v1', '{}', { timeout: 5_000 })
  assert.equal(acknowledged.json<{ stream: string }>().stream, 'INGEST')
  const killed = nats.pid()
  await nats.kill()
  await sender.close()
  await nats.start()
  assert.notEqual(nats.pid(), killed)
  assert.equal(await messagesOf('INGEST'), 1)
})

test('a server whose starter was killed is ended by the next start, one in use is refused', async () => {
  const options = await optionsFor('orphan')
  const starter = await startInOtherProcess('nats', options)
  folder.adopt(starter.serverPid, 'SIGTERM')
  await assert.rejects(startNatsServer(options), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'directory-in-use')
    assert.match(error.message, new RegExp(`process ${starter.pid}\\b`))
    return true
  })
  await starter.kill()
  assert.notEqual(identify(starter.serverPid), null, 'the orphan runs on')
  await using second = await startNatsServer(options)
  assert.equal(identify(starter.serverPid), null)
  assert.notEqual(second.pid, starter.serverPid)
})

test('a port in use is refused with the way out', async () => {
  const options = { ...(await optionsFor('port')), port: Number(new URL(nats.url).port) }
  await assert.rejects(startNatsServer(options), { code: 'port-in-use' })
})

test('an orderly stop leaves nothing behind', async () => {
  const options = await optionsFor('stopped')
  const server = await startNatsServer(options)
  await server.stop()
  assert.equal(identify(server.pid), null)
  await killNow(server.pid)
})
