import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { durables } from '@csr/contracts/consumers'
import { services } from '@csr/contracts/services'
import { streams } from '@csr/contracts/streams'
import { inboxPrefixOf, natsPermissions } from '@csr/messaging/users'
import { eventually } from '@csr/testkit/eventually'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'

let nats: TestNats
before(async () => {
  nats = await privateNats()
})
after(() => nats[Symbol.asyncDispose]())

/** Which of these subjects the server refuses to let the user publish. */
async function refusedToPublish(connection: NatsConnection, subjects: readonly string[]): Promise<string[]> {
  const refused = new Set<string>()
  const status = (async () => {
    for await (const { type, ...about } of connection.status()) {
      const { error } = about as { error?: unknown }
      if (type === 'error' && error instanceof PermissionViolationError) refused.add(error.subject)
    }
  })()
  for (const subject of subjects) connection.publish(subject)
  await connection.flush()
  await connection.close()
  await status
  return [...refused]
}

for (const service of services) {
  test(`${service} publishes its own topics and dead letters, and nobody else's`, async () => {
    const own = [`${service}.thing.happened.v1`, `dead-letter.${service}.v1`]
    const foreign = services.flatMap((other) =>
      other === service ? [] : [`${other}.thing.happened.v1`, `dead-letter.${other}.v1`],
    )
    for (const { name, subjects, publishers } of streams.filter((stream) => stream.name.endsWith('_BULK'))) {
      assert.equal(publishers.length, 1, name)
      const bulk = (subjects[0] ?? '').replace('>', 'thing.happened.v1')
      ;(publishers.includes(service) ? own : foreign).push(bulk)
    }
    assert.deepEqual(await refusedToPublish(await nats.connect(service), own), [])
    const refused = await refusedToPublish(await nats.connect(service), foreign)
    assert.deepEqual(refused.toSorted(), foreign.toSorted())
  })

  test(`${service} administers nothing and pulls no durable of another`, async () => {
    const administration = streams.flatMap(({ name }) => [
      ...['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE', 'MSG.GET', 'SNAPSHOT'].map(
        (verb) => `$JS.API.STREAM.${verb}.${name}`,
      ),
      `$JS.API.CONSUMER.CREATE.${name}.thief`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${name}.thief`,
      `$JS.API.CONSUMER.LIST.${name}`,
      `$JS.API.DIRECT.GET.${name}`,
    ])
    const pulls = durables.flatMap(({ service: owner, stream, name }) =>
      owner === service
        ? []
        : [
            `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
            `$JS.API.CONSUMER.DELETE.${stream}.${name}`,
            `$JS.ACK.${stream}.${name}.1.1.1.1.1`,
          ],
    )
    const forbidden = [...administration, ...pulls, '$JS.API.STREAM.NAMES', '$SYS.REQ.SERVER.PING']
    const refused = await refusedToPublish(await nats.connect(service), forbidden)
    assert.deepEqual(refused.toSorted(), forbidden.toSorted())
  })

  test(`${service} listens to its own answers only`, async () => {
    const connection = await nats.connect(service)
    const others = services.filter((other) => other !== service).map((other) => `${inboxPrefixOf(other)}.>`)
    for (const subject of ['>', '_INBOX.>', '$JS.>', `${service}.>`, 'ingest.>', ...others]) {
      const errors: unknown[] = []
      connection.subscribe(subject, { callback: (error) => void (error && errors.push(error)) })
      await connection.flush()
      await eventually(() => assert.ok(errors[0] instanceof PermissionViolationError, subject))
    }
    await connection.close()
  })

  test(`${service} reads the info of the streams it publishes into, and of its own durables`, async () => {
    const connection = await nats.connect(service)
    const manager = await jetstreamManager(connection, { checkAPI: false })
    for (const { name } of streams.filter(({ publishers }) => publishers.includes(service))) {
      assert.equal((await manager.streams.info(name)).config.name, name)
    }
    for (const { stream, name } of durables.filter((durable) => durable.service === service)) {
      assert.equal((await manager.consumers.info(stream, name)).name, name)
    }
    await connection.close()
  })
}

test('the administrator of streams publishes no event', async () => {
  const topics = services.map((service) => `${service}.thing.happened.v1`)
  assert.deepEqual((await refusedToPublish(await nats.connect('admin'), topics)).toSorted(), topics.toSorted())
})

test('nobody gets in without a key', async () => {
  await assert.rejects(connect({ servers: nats.url, reconnect: false }))
})

test('the server stores what a service publishes under its own topic', async () => {
  const connection = await nats.connect('audit')
  const stored = await jetstream(connection).publish('audit.thing.happened.v1', '{}')
  assert.equal(stored.stream, 'AUDIT')
  await connection.close()
})

test('no allow-list holds a wildcard wider than a service', () => {
  for (const service of services) {
    const { publish, subscribe } = natsPermissions(service)
    for (const subject of [...publish, ...subscribe]) {
      assert.ok(!/^[>*]|^\$JS\.>|^\$JS\.API\.>/.test(subject), subject)
      assert.ok(
        subject.includes(service) || subject.includes(service.toUpperCase()) || subject.endsWith('.DEAD_LETTER'),
      )
    }
  }
})
