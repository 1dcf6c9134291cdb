import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { durables } from '@csr/contracts/consumers'
import { streams } from '@csr/contracts/streams'
import { checkServer } from '@csr/messaging/check-server'
import { keepStreams } from '@csr/messaging/keeper'
import { statusStreams } from '@csr/messaging/stream-status'
import { applyStreams, planStreams } from '@csr/messaging/streams'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { eventually } from '@csr/testkit/eventually'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { nanos, type NatsConnection } from '@nats-io/transport-node'

let nats: TestNats
let connection: NatsConnection
let admin: JetStreamManager
before(async () => {
  nats = await privateNats({ streams: false })
  connection = await nats.connect('admin')
  admin = await jetstreamManager(connection, { checkAPI: false })
})
after(async () => {
  await connection.close()
  await nats[Symbol.asyncDispose]()
})

const epochOf = async (stream: string): Promise<string | undefined> =>
  (await admin.streams.info(stream)).config.metadata?.['csr-epoch']

test('an empty server gets every stream and durable, and then nothing is left to do', async () => {
  const plan = await planStreams(admin)
  assert.equal(plan.length, streams.length + durables.length)
  assert.ok(plan.every(({ kind, allowed }) => kind === 'create' && allowed))
  await applyStreams(admin)
  assert.deepEqual(await planStreams(admin), [])
})

test('streams lose nothing on their own: files, every write synced, no purge, no deletion', async () => {
  for (const { name } of streams) {
    const { config } = await admin.streams.info(name)
    assert.deepEqual(
      [config.storage, config.retention, config.deny_purge, config.deny_delete, config.max_age],
      ['file', 'limits', true, true, nanos(14 * 86_400_000)],
    )
  }
})

test('durables never give up on a message and hear all versions of their event', async () => {
  for (const { stream, name, event } of durables) {
    const { config } = await admin.consumers.info(stream, name)
    assert.deepEqual([config.max_deliver, config.ack_policy, config.deliver_policy], [-1, 'explicit', 'all'])
    if (event !== '*') assert.match(config.filter_subject ?? '', /\.\*$/)
  }
})

test('each stream bears a random epoch, another one after it was lost', async () => {
  const epochs = await Promise.all(streams.map(({ name }) => epochOf(name)))
  assert.equal(new Set(epochs).size, streams.length)
  assert.ok(epochs.every((epoch) => (epoch?.length ?? 0) >= 22))
  const epochBefore = await epochOf('Q2Q')
  await admin.streams.delete('Q2Q')
  await applyStreams(admin)
  assert.notEqual(await epochOf('Q2Q'), epochBefore)
  assert.deepEqual(
    (await statusStreams(admin)).map(({ stream }) => stream).toSorted(),
    streams.map(({ name }) => name).toSorted(),
  )
})

test('limits may grow; what would lose messages is refused and said', async () => {
  await admin.streams.update('SAFETY', { max_bytes: 1024 ** 2 })
  await admin.streams.update('PRIVACY', { max_age: nanos(20 * 86_400_000) })
  const plan = await applyStreams(admin)
  assert.deepEqual(
    plan
      .map(({ stream, fields, allowed }) => ({ stream, fields, allowed }))
      .toSorted((one, other) => (one.stream < other.stream ? -1 : 1)),
    [
      { stream: 'PRIVACY', fields: ['max_age'], allowed: false },
      { stream: 'SAFETY', fields: ['max_bytes'], allowed: true },
    ],
  )
  assert.deepEqual(
    (await planStreams(admin)).map(({ stream }) => stream),
    ['PRIVACY'],
  )
  await admin.streams.update('PRIVACY', { max_age: nanos(14 * 86_400_000) })
})

test('a durable with another filter is left alone and reported', async () => {
  const [durable] = durables
  assert.ok(durable)
  await admin.consumers.delete(durable.stream, durable.name)
  const config = {
    durable_name: durable.name,
    filter_subject: `${durable.stream.toLowerCase()}.other.*.*`,
    ack_policy: 'explicit',
  }
  await admin.consumers.add(durable.stream, config as never)
  const plan = await applyStreams(admin)
  assert.ok(
    plan.some(
      (change) => change.durable === durable.name && !change.allowed && change.fields.includes('filter_subject'),
    ),
  )
  await admin.consumers.delete(durable.stream, durable.name)
  await applyStreams(admin)
})

test('what is lost by a change is named before it is made, and it is made only where that is allowed', async () => {
  await admin.streams.update('PRIVACY', { max_age: nanos(20 * 86_400_000) })
  const [durable] = durables
  assert.ok(durable)
  const { name, stream } = durable
  await admin.consumers.delete(stream, name)
  const other = { durable_name: name, filter_subject: `${stream.toLowerCase()}.other.*.*`, ack_policy: 'explicit' }
  await admin.consumers.add(stream, other as never)
  const losses = (await planStreams(admin)).flatMap(({ kind, durable: of, differences }) =>
    differences.flatMap(({ field, loses }) => (loses === null ? [] : [[kind, of, field, loses]])),
  )
  assert.deepEqual(losses.toSorted(), [
    ['remake', name, 'filter_subject', 'its position: it reads the stream from its beginning'],
    ['update', null, 'max_age', 'messages older than that'],
  ])
  await applyStreams(admin)
  assert.equal((await planStreams(admin)).length, 2)
  await applyStreams(admin, { allowDestructive: true })
  assert.deepEqual(await planStreams(admin), [])
})

test('a stream that is kept in memory is made anew as files, with its durables and another epoch', async () => {
  const epochInMemory = await epochOf('Q2Q')
  const { config } = await admin.streams.info('Q2Q')
  await admin.streams.delete('Q2Q')
  await admin.streams.add({ ...config, storage: 'memory', max_bytes: 1024 ** 2 })
  await applyStreams(admin)
  assert.equal((await admin.streams.info('Q2Q')).config.storage, 'memory')
  await applyStreams(admin, { allowDestructive: true })
  assert.equal((await admin.streams.info('Q2Q')).config.storage, 'file')
  assert.notEqual(await epochOf('Q2Q'), epochInMemory)
  assert.deepEqual(await planStreams(admin), [])
})

test('the server is checked for its version and for syncing every write', async () => {
  const version = connection.info?.version
  const checks = await checkServer({ version, monitorUrl: nats.monitorUrl })
  assert.deepEqual(
    checks.map(({ ok }) => ok),
    [true, true],
  )
  const unsure = await checkServer({ version: '2.9.10', monitorUrl: null })
  assert.deepEqual(
    unsure.map(({ ok }) => ok),
    [false, null],
  )
})

test('the status names what somebody should look at', async () => {
  const [durable] = durables
  assert.ok(durable)
  assert.deepEqual(
    (await statusStreams(admin)).flatMap(({ warnings }) => warnings),
    [],
  )
  await admin.consumers.delete(durable.stream, durable.name)
  await admin.consumers.add('AUDIT', { durable_name: 'stranger', ack_policy: 'explicit' })
  const warnings = (await statusStreams(admin)).flatMap((one) => one.warnings)
  const expected = [`durable ${durable.name} is missing`, 'durable stranger is declared nowhere']
  assert.deepEqual(warnings.toSorted(), expected.toSorted())
  await admin.consumers.delete('AUDIT', 'stranger')
  await applyStreams(admin)
})

test('the keeper makes again what disappears, and counts it', async () => {
  const telemetry = createTelemetry('keeper')
  const logger = createLogger({ service: 'keeper', level: 'error', destination: { write: () => undefined } })
  await using keeper = keepStreams({
    natsUrl: nats.url,
    adminCredentialsFile: nats.credentialsFile('admin'),
    logger,
    telemetry,
  })
  await keeper.start?.()
  await eventually(() => assert.deepEqual(keeper.readiness?.(), { ready: true }))
  const made = async (): Promise<number> => {
    const line = /^streams_changed_total{change="create",stream="GATEWAY",durable="",.*} (\d+)$/m
    return Number(line.exec(await telemetry.exposition())?.[1] ?? 0)
  }
  const madeBefore = await made()
  await admin.streams.delete('GATEWAY')
  await eventually(async () => assert.ok(await epochOf('GATEWAY')), { withinMs: 15_000 })
  await eventually(async () => assert.deepEqual(await planStreams(admin), []))
  await eventually(async () => assert.equal(await made(), madeBefore + 1))
})
