import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { durables, type Durable } from '@csr/contracts/consumers'
import { services, type Service } from '@csr/contracts/services'
import { streams, type StreamDeclaration } from '@csr/contracts/streams'
import { inboxPrefixOf, natsPermissions } from '@csr/messaging/users'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'

let nats: TestNats
before(async () => {
  nats = await privateNats()
})
after(() => nats[Symbol.asyncDispose]())

/** One thing a user may try, and who alone may do it. */
type Cell = { readonly subject: string; readonly allowed: readonly Service[] }

const streamVerbs = [
  ...['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE', 'MSG.GET', 'SNAPSHOT', 'RESTORE', 'PEER.REMOVE'],
  ...['LEADER.STEPDOWN'],
]
const consumerVerbs = ['DELETE', 'PAUSE', 'LEADER.STEPDOWN', 'UNPIN', 'RESET']

/** Topics of a stream as a publisher writes them. */
function topicsOf({ subjects, publishers }: StreamDeclaration): Cell[] {
  return subjects.flatMap((filter) => {
    const prefix = filter.slice(0, -'>'.length)
    if (publishers.length === 1) return [{ subject: `${prefix}thing.happened.v1`, allowed: publishers }]
    return services.map((service) => ({ subject: `${prefix}${service}.v1`, allowed: [service] }))
  })
}

function ofStream(stream: StreamDeclaration): Cell[] {
  const { name, publishers } = stream
  const administration = [
    ...streamVerbs.map((verb) => `$JS.API.STREAM.${verb}.${name}`),
    ...['LIST', 'NAMES', 'CREATE', 'DURABLE.CREATE'].map((verb) => `$JS.API.CONSUMER.${verb}.${name}`),
    ...[`$JS.API.CONSUMER.CREATE.${name}.thief`, `$JS.API.CONSUMER.CREATE.${name}.thief.${name.toLowerCase()}.>`],
    ...[`$JS.API.CONSUMER.DURABLE.CREATE.${name}.thief`, `$JS.API.CONSUMER.MSG.NEXT.${name}.thief`],
    ...[`$JS.API.DIRECT.GET.${name}`, `$JS.API.DIRECT.GET.${name}.${name.toLowerCase()}.thing.happened.v1`],
  ]
  return [
    ...topicsOf(stream),
    { subject: `$JS.API.STREAM.INFO.${name}`, allowed: publishers },
    ...administration.map((subject) => ({ subject, allowed: [] })),
  ]
}

function ofDurable({ service, stream, name }: Durable): Cell[] {
  return [
    { subject: `$JS.API.CONSUMER.INFO.${stream}.${name}`, allowed: [service] },
    { subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, allowed: [service] },
    { subject: `$JS.ACK.${stream}.${name}.1.1.1.1.1`, allowed: [service] },
    { subject: `$JS.ACK._.hash.${stream}.${name}.1.1.1.1.1`, allowed: [service] },
    ...consumerVerbs.map((verb) => ({ subject: `$JS.API.CONSUMER.${verb}.${stream}.${name}`, allowed: [] })),
    { subject: `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`, allowed: [] },
  ]
}

const ofServer = [
  ...['$JS.API.INFO', '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST', '$JS.API.ACCOUNT.PURGE.$G'],
  ...['$JS.API.META.LEADER.STEPDOWN', '$JS.API.SERVER.REMOVE', '$JS.EVENT.ADVISORY.API', '$KV.things.one'],
  ...['$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.$G.CONNZ', '$SYS.REQ.USER.INFO', '_INBOX.thief', '_R_.thief'],
  ...['stranger', 'csr.control', 'bulk.stranger.thing.happened.v1', 'dead-letter.stranger.v1'],
].map((subject): Cell => ({ subject, allowed: [] }))

const answers = services.map((service): Cell => ({ subject: `${inboxPrefixOf(service)}.thief`, allowed: [] }))

const published: readonly Cell[] = [
  ...streams.flatMap(ofStream),
  ...durables.flatMap(ofDurable),
  ...ofServer,
  ...answers,
]

const heard: readonly Cell[] = [
  ...['>', '*', '*.>', '_INBOX.>', '$JS.>', '$JS.API.>', '$JS.EVENT.>', '$JS.ACK.>', '$SYS.>', '$KV.>'],
  ...streams.flatMap(({ subjects }) => subjects),
]
  .map((subject): Cell => ({ subject, allowed: [] }))
  .concat(services.map((service) => ({ subject: `${inboxPrefixOf(service)}.>`, allowed: [service] })))

/** What the server refuses of all this. */
async function refusals(connection: NatsConnection, act: () => void): Promise<string[]> {
  const refused = new Set<string>()
  const status = (async () => {
    for await (const { type, ...about } of connection.status()) {
      const { error } = about as { error?: unknown }
      if (type === 'error' && error instanceof PermissionViolationError) refused.add(error.subject)
    }
  })()
  act()
  await connection.flush()
  await connection.close()
  await status
  return [...refused]
}

const refusedToPublish = (connection: NatsConnection, subjects: readonly string[]) =>
  refusals(connection, () => subjects.forEach((subject) => connection.publish(subject)))

const refusedToHear = (connection: NatsConnection, subjects: readonly string[]) =>
  refusals(connection, () =>
    subjects.forEach((subject) => connection.subscribe(subject, { callback: () => undefined })),
  )

const forbiddenTo = (service: Service, cells: readonly Cell[]): string[] =>
  cells.filter(({ allowed }) => !allowed.includes(service)).map(({ subject }) => subject)
const open = (service: Service, cells: readonly Cell[]): string[] =>
  cells.filter(({ allowed }) => allowed.includes(service)).map(({ subject }) => subject)

test('the matrix of users is as large as it should be', () => {
  const cells = (published.length + heard.length) * (services.length + 1)
  assert.ok(cells > 4_000, `${cells} cells`)
  assert.equal(new Set(published.map(({ subject }) => subject)).size, published.length)
  for (const service of services) assert.ok(open(service, published).length > 5)
})

test('P6: of all that can be published, each service is refused everything but its allow-list', async () => {
  for (const service of services) {
    const subjects = published.map(({ subject }) => subject)
    const refused = await refusedToPublish(await nats.connect(service), subjects)
    assert.deepEqual(refused.toSorted(), forbiddenTo(service, published).toSorted(), service)
  }
})

test('P6: a service hears its own answers and nothing else', async () => {
  for (const service of services) {
    const subjects = heard.map(({ subject }) => subject)
    const refused = await refusedToHear(await nats.connect(service), subjects)
    assert.deepEqual(refused.toSorted(), forbiddenTo(service, heard).toSorted(), service)
  }
})

for (const service of services) {
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

test('P6: nobody gets in without a key, and so can do nothing of all this', async () => {
  const attempt = { servers: nats.url, reconnect: false, maxReconnectAttempts: 0 }
  await assert.rejects(connect(attempt))
  await assert.rejects(connect({ ...attempt, user: 'ingest', pass: 'ingest' }))
  await assert.rejects(connect({ ...attempt, token: 'ingest' }))
})

test('the administrator of streams publishes no event and hears none', async () => {
  const topics = streams.flatMap(topicsOf).map(({ subject }) => subject)
  assert.deepEqual((await refusedToPublish(await nats.connect('admin'), topics)).toSorted(), topics.toSorted())
  const filters = streams.flatMap(({ subjects }) => subjects)
  assert.deepEqual((await refusedToHear(await nats.connect('admin'), filters)).toSorted(), filters.toSorted())
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
