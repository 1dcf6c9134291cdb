import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readAdvisories } from '@csr/messaging/advisories'
import { keepStreams } from '@csr/messaging/keeper'
import { inboxPrefixOf } from '@csr/messaging/users'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { eventually } from '@csr/testkit/eventually'
import { createInbox } from '@nats-io/transport-node'
import { consumer, openRig, session, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig[Symbol.asyncDispose]())

test('P3: a message the server gives up on is an error in the log of the keeper, and is found by whoever looks later', async () => {
  const lines: { event: string; level: string; kind?: string; stream?: string; durable?: string; sequence?: number }[] =
    []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const telemetry = createTelemetry('keeper')
  await using keeper = keepStreams({
    telemetry,
    natsUrl: rig.nats.url,
    adminCredentialsFile: rig.nats.credentialsFile('admin'),
    logger: createLogger({ service: 'keeper', destination }),
    lowWaterAgeMs: 1_000,
  })
  await keeper.start?.()
  await eventually(() => assert.deepEqual(keeper.readiness?.(), { ready: true }), { withinMs: 15_000 })
  await eventually(
    async () => {
      const { subjects } = (await rig.admin.streams.info('ADVISORIES')).config
      assert.equal(subjects.length, 2)
    },
    { withinMs: 20_000, what: 'the stream that catches advisories' },
  )
  assert.deepEqual(await readAdvisories(rig.admin), [])

  await rig.send(JSON.stringify(session()))
  const profile = await rig.nats.connect('profile')
  const reply = createInbox(inboxPrefixOf('profile'))
  const answers = profile.subscribe(reply, { max: 1 })
  profile.publish(`$JS.API.CONSUMER.MSG.NEXT.INGEST.${consumer}`, JSON.stringify({ batch: 1 }), { reply })
  for await (const message of answers) message.respond('+TERM')
  await profile.close()

  const told = await eventually(
    () => {
      const found = lines.find(({ event }) => event === 'server-gave-up')
      assert.ok(found)
      return found
    },
    { withinMs: 20_000, what: 'the alarm' },
  )
  assert.deepEqual(
    [told.level, told.kind, told.stream, told.durable, told.sequence],
    ['error', 'terminated', 'INGEST', consumer, 1],
  )
  const counted = `server_gave_up_total{kind="terminated",stream="INGEST",durable="${consumer}",service="keeper"} 1`
  assert.ok((await telemetry.exposition()).split('\n').includes(counted))
  const [found] = await readAdvisories(rig.admin)
  assert.deepEqual([found?.kind, found?.stream, found?.sequence], ['terminated', 'INGEST', 1])
})
