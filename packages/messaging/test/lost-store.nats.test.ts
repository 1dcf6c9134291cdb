import assert from 'node:assert/strict'
import { cpSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { durablesOf } from '@csr/contracts/consumers'
import { createEvent } from '@csr/contracts/events/create-event'
import type { Event } from '@csr/contracts/events/envelope'
import { services, type Service } from '@csr/contracts/services'
import { keepStreams } from '@csr/messaging/keeper'
import { insertEvents } from '@csr/messaging/outbox'
import { arrayOf } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { eventually } from '@csr/testkit/eventually'
import { jetstream } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { clock, ids, openRig, patiently, recording, session, tenantId, type Rig, type RunningService } from './rig.ts'

/** How long everything may take to be effective again after a loss. */
const recoverWithinMs = 90_000

let rig: Rig
let keeper: ReturnType<typeof keepStreams>
before(async () => {
  rig = await openRig()
  keeper = keepStreams({
    telemetry: createTelemetry('keeper'),
    natsUrl: rig.nats.url,
    adminCredentialsFile: rig.nats.credentialsFile('admin'),
    logger: createLogger({ service: 'keeper', level: 'error', destination: { write: () => undefined } }),
    lowWaterAgeMs: 2_000,
  })
  await keeper.start?.()
})
after(async () => {
  await keeper[Symbol.asyncDispose]()
  await rig[Symbol.asyncDispose]()
})

const sessions = (count: number): Event[] => Array.from({ length: count }, () => session())

async function accept(ingest: RunningService, events: readonly Event[]): Promise<void> {
  await patiently(() => ingest.postgres.group(tenantId, [insertEvents('ingest', events)]))
  await ingest.publish([])
}

const stored = (service: Service = 'ingest') =>
  eventually(
    async () =>
      assert.deepEqual(await rig.look(`select id from ${service}.outbox where sequence is null`, [], service), []),
    { withinMs: 30_000, what: 'everything being stored' },
  )

/** Each of these events took effect, and none of them twice. */
const effectiveOnce = (events: readonly Event[]) =>
  eventually(
    async () => {
      const [row] = await rig.look<{ distinct: number; all: number }>(
        `select count(distinct event_id) as distinct, count(*) as all from profile.test_effects
         where event_id = any($1::uuid[])`,
        [arrayOf(events.map(({ id }) => id))],
      )
      assert.deepEqual(row, { distinct: events.length, all: events.length })
    },
    { withinMs: recoverWithinMs, what: 'each event being effective once' },
  )

const relayed = async (stream: string, service: Service = 'ingest') => {
  const [row] = await rig.look<{ epoch: string; last_sequence: number; low_water: number | null; lost_sign: string }>(
    `select epoch, last_sequence, low_water, lost_sign from ${service}.relayed where stream = $1`,
    [stream],
    service,
  )
  assert.ok(row)
  return row
}

const counted = async (service: RunningService, metric: string, sign: string): Promise<number> =>
  Number(new RegExp(`^${metric}\\{[^}]*sign="${sign}"[^}]*\\} (\\d+)`, 'm').exec(await service.exposition())?.[1] ?? 0)

/** The loss was noticed by this sign, and the metric says so. */
const noticed = (service: RunningService, sign: string, losses = 1) =>
  eventually(async () => assert.equal(await counted(service, 'stream_losses_total', sign), losses), {
    withinMs: recoverWithinMs,
    what: `the sign ${sign}`,
  })

const folderOf = (stream: string): string => join(rig.nats.storeDir, 'jetstream', '$G', 'streams', stream)
const copyOf = (stream: string): string => `${rig.nats.storeDir}-older-${stream}`

async function keepCopy(stream: string): Promise<void> {
  await rig.nats.stop()
  rmSync(copyOf(stream), { recursive: true, force: true })
  cpSync(folderOf(stream), copyOf(stream), { recursive: true })
  await rig.nats.start()
}

function bringBack(stream: string, part = ''): void {
  rmSync(join(folderOf(stream), part), { recursive: true })
  cpSync(join(copyOf(stream), part), join(folderOf(stream), part), { recursive: true })
}

function lastBlock(): string {
  const folder = join(folderOf('INGEST'), 'msgs')
  const blocks = readdirSync(folder).filter((name) => name.endsWith('.blk'))
  const last = blocks.toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10)).at(-1)
  assert.ok(last)
  return join(folder, last)
}

/** 500 events: profile takes 250 of them, the others stand in the stream when it loses something. */
async function loseAfter500(lose: () => Promise<void>, sign: string): Promise<void> {
  await using ingest = await rig.start('ingest')
  const [seen, unseen] = [sessions(250), sessions(250)]
  {
    await using _profile = await rig.start('profile', { handlers: [recording()] })
    await accept(ingest, seen)
    await effectiveOnce(seen)
  }
  await accept(ingest, unseen)
  await stored()
  await lose()
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await effectiveOnce([...seen, ...unseen])
  await noticed(ingest, sign)
  assert.equal((await relayed('INGEST')).lost_sign, sign)
}

test('P2: a server that lost its whole store gets everything again, and nothing happens twice', () =>
  loseAfter500(async () => {
    await rig.nats.kill()
    rig.nats.loseStore()
    await rig.nats.start()
  }, 'epoch'))

test('P2: a store that is lost and filled past the old end is noticed', async () => {
  await using ingest = await rig.start('ingest')
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  const [before500, after600] = [sessions(500), sessions(600)]
  await accept(ingest, before500)
  await stored()
  // Neither relay nor consumer lose their connection: nothing tells them to look.
  await rig.admin.streams.delete('INGEST')
  // The keeper may be making it anew at the same moment.
  await eventually(() => rig.nats.applyStreams())
  await accept(ingest, after600)
  await effectiveOnce([...before500, ...after600])
  await noticed(ingest, 'epoch')
  await stored()
  const { config } = await rig.admin.streams.info('INGEST')
  const labels = await rig.look<{ epoch: string }>(
    `select distinct epoch from ingest.outbox where id = any($1::uuid[])`,
    [arrayOf(after600.map(({ id }) => id))],
    'ingest',
  )
  assert.deepEqual(labels, [{ epoch: config.metadata?.['csr-epoch'] }])
})

test('P2: a stream whose last block was cut gets its end again', () =>
  loseAfter500(async () => {
    await rig.nats.kill()
    truncateSync(lastBlock(), Math.floor(statSync(lastBlock()).size * 0.6))
    await rig.nats.start()
  }, 'end'))

test('P2: a stream that lost its last block and still counts it is noticed by the hole', () =>
  loseAfter500(async () => {
    await rig.nats.stop()
    truncateSync(lastBlock(), Math.floor(statSync(lastBlock()).size * 0.6))
    await rig.nats.start()
  }, 'hole'))

test('P2: a stream that lost everything up to its end is noticed by where it begins', () =>
  loseAfter500(async () => {
    await rig.nats.stop()
    rmSync(lastBlock())
    await rig.nats.start()
  }, 'hole'))

test('P2: a store swapped for an older copy gets what came after the copy', async () => {
  await keepCopy('INGEST')
  await loseAfter500(async () => {
    await rig.nats.kill()
    bringBack('INGEST')
    await rig.nats.start()
  }, 'end')
})

test('P2: messages older than their durables are noticed, and the durables go back', async () => {
  await keepCopy('INGEST')
  await loseAfter500(async () => {
    await rig.nats.stop()
    bringBack('INGEST', 'msgs')
    await rig.nats.start()
  }, 'end')
})

test('P2: an older copy that grew past the old end is noticed by a place that is taken', async () => {
  const lost = sessions(40)
  const passing = sessions(60)
  const ingest = await rig.start('ingest')
  await stored()
  await keepCopy('INGEST')
  await accept(ingest, lost)
  await stored()
  await ingest[Symbol.asyncDispose]()

  await rig.nats.kill()
  bringBack('INGEST')
  await rig.nats.start()
  // As a relay that was killed between publishing and marking leaves it.
  const connection = await rig.nats.connect('ingest')
  for (const event of passing) {
    const about = headers()
    about.set('Nats-Msg-Id', event.id)
    await jetstream(connection).publish(event.type, JSON.stringify(event), { headers: about })
  }
  await connection.close()
  await using next = await rig.start('ingest')
  await accept(next, passing)
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await effectiveOnce([...lost, ...passing])
  await noticed(next, 'other-row')
})

function letterOf(service: Service): Event {
  const about = { id: ids.uuid(), time: clock.now(), tenantId, subject: service, causationId: 'test' }
  return createEvent(`dead-letter.${service}.v1`, about, { consumer: `${service}-on-any` } as never)
}

test('P3: dead letters are not lost with an older copy that others have filled past the old end', async () => {
  const write = async (service: RunningService, name: Service, events: readonly Event[]): Promise<void> => {
    await patiently(() => service.postgres.group(tenantId, [insertEvents(name, events)]))
    await service.publish([])
  }
  const letters = (service: Service, count: number) => Array.from({ length: count }, () => letterOf(service))
  const ours = letters('profile', 3)
  await using ingest = await rig.start('ingest')
  await using profile = await rig.start('profile')
  await write(profile, 'profile', letters('profile', 2))
  await stored('profile')
  await keepCopy('DEAD_LETTER')
  await write(profile, 'profile', ours)
  await stored('profile')
  await profile[Symbol.asyncDispose]()
  await rig.nats.kill()
  bringBack('DEAD_LETTER')
  await rig.nats.start()
  await write(ingest, 'ingest', letters('ingest', 20))
  await stored()

  await using next = await rig.start('profile')
  await noticed(next, 'other-row')
  await eventually(async () => {
    const there = new Set((await rig.deadLetterEvents()).map(({ id }) => id))
    assert.ok(ours.every(({ id }) => there.has(id)))
  })
})

/** Acknowledges everything in the durables of the other services, as if they had taken it. */
async function takeForOthers(stream: string): Promise<void> {
  for (const service of services) {
    const connection = await rig.nats.connect(service)
    for (const { name } of durablesOf(service).filter((durable) => durable.stream === stream)) {
      const inbox = `_INBOX_${service}.${name}`
      const answers = connection.subscribe(inbox)
      const request = JSON.stringify({ batch: 10_000, no_wait: true })
      connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, request, { reply: inbox })
      for await (const message of answers) {
        if (message.headers?.code) break
        message.respond('+ACK')
      }
    }
    await connection.drain()
  }
}

test('P2: of a lost store only what stood above the low-water mark is sent again', async () => {
  await using ingest = await rig.start('ingest')
  const taken = sessions(200)
  const unseen = sessions(50)
  {
    await using _profile = await rig.start('profile', { handlers: [recording()] })
    await accept(ingest, taken)
    await effectiveOnce(taken)
  }
  await stored()
  for (let open = true; open;) {
    await takeForOthers('INGEST')
    const { last_seq } = (await rig.admin.streams.info('INGEST')).state
    const waiting = []
    for await (const { num_pending, num_ack_pending } of rig.admin.consumers.list('INGEST'))
      waiting.push(num_pending + num_ack_pending)
    open = last_seq === 0 || waiting.some((count) => count > 0)
  }
  const { last_seq: mark } = (await rig.admin.streams.info('INGEST')).state
  await eventually(async () => assert.equal((await relayed('INGEST')).low_water, mark), {
    withinMs: 30_000,
    what: 'the relay knowing the mark',
  })
  await accept(ingest, unseen)
  await stored()
  await rig.nats.kill()
  rig.nats.loseStore()
  await rig.nats.start()
  await using _profile = await rig.start('profile', { handlers: [recording()] })
  await effectiveOnce([...taken, ...unseen])
  await noticed(ingest, 'epoch')
  assert.equal(await counted(ingest, 'outbox_republished_total', 'epoch'), 50)
})

test('P2: restarts without a loss raise no alarm', async () => {
  await using ingest = await rig.start('ingest')
  await using profile = await rig.start('profile', { handlers: [recording()] })
  const events: Event[] = []
  for (let restart = 0; restart < 20; restart += 1) {
    const some = sessions(10)
    events.push(...some)
    await accept(ingest, some)
    await (restart % 3 === 0 ? rig.nats.stop() : rig.nats.kill())
    await rig.nats.start()
    if (restart % 5 === 0) await eventually(() => assert.deepEqual(ingest.readiness(), []), { withinMs: 20_000 })
  }
  await effectiveOnce(events)
  const alarms = await Promise.all([ingest, profile].map((service) => service.exposition()))
  assert.deepEqual(alarms.join('').match(/^stream_losses_total\{.*$/gm), null)
})
