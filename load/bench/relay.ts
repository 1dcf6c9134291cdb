import { setTimeout as wait } from 'node:timers/promises'
import type { Event } from '@csr/contracts/events/envelope'
import { topicOf } from '@csr/contracts/streams'
import { insertEvents } from '@csr/messaging/outbox'
import { jetstream } from '@nats-io/jetstream'
import { openRig, session, tenantId, topic, type Rig, type RunningService } from '../../packages/messaging/test/rig.ts'
import type { BenchStack } from './bench-stack.ts'
import type { BenchRow } from './measured.ts'

const eventsTotal = 20_000
const perCommit = 500
/** publishes under way at a time, as many as the relay's */
const underWay = 256
const probes = 100
const ratioGoal = 0.5

/**
 * How many events a second the relay moves from an outbox that filled while the bus was away, against a loop that only
 * publishes such events and waits for each to be stored; and how long one event alone takes until it is marked. On servers
 * of its own.
 */
export async function relay(_stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  await using rig = await openRig({ ownPostgres: true })
  const bare = await publishBare(rig, { to: topicOf(topic, 'bulk'), events: eventsTotal, underWay })
  note(`bare: ${bare.toFixed(0)}/s`)
  await using ingest = await rig.start('ingest')
  const ours = await emptyOutbox(rig, ingest)
  note(`relay: ${ours.toFixed(0)}/s`)
  const lags = await probe(rig, ingest)
  const at = (share: number): number => lags[Math.floor(lags.length * share)] ?? Number.POSITIVE_INFINITY
  const ratio = ours / bare
  return {
    name: 'relay',
    unit: 'events/s',
    ours,
    bare,
    ratio,
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) },
    goal: `ratio >= ${ratioGoal}`,
    met: ratio >= ratioGoal,
    notes: [
      `${eventsTotal} events of the bulk lane; the latencies are of one event alone, from its commit to its mark`,
    ],
  }
}

type Bare = { readonly to: string; readonly events: number; readonly underWay: number }

/** Only publishes, and waits for each to be stored: events per second. */
export async function publishBare(rig: Rig, { to, events, underWay: atOnce }: Bare): Promise<number> {
  const connection = await rig.nats.connect('ingest')
  const stream = jetstream(connection)
  const left = Array.from({ length: events }, () => session()).values()
  const startedMs = performance.now()
  const publish = async (): Promise<void> => {
    for (const event of left) await stream.publish(to, JSON.stringify(event), { msgID: event.id })
  }
  await Promise.all(Array.from({ length: atOnce }, publish))
  const seconds = (performance.now() - startedMs) / 1_000
  await connection.close()
  return events / seconds
}

/** The bus is away while the outbox fills; time counts from its first event to its last. */
async function emptyOutbox(rig: Rig, ingest: RunningService): Promise<number> {
  await rig.nats.stop()
  for (let made = 0; made < eventsTotal; made += perCommit) {
    const events: Event[] = Array.from({ length: perCommit }, () => session())
    await ingest.postgres.group(tenantId, [insertEvents('ingest', events, 'bulk')])
  }
  await rig.nats.start()
  let startedMs = 0
  let before = eventsTotal
  for (;;) {
    const waiting = await unsent(rig)
    if (waiting === 0) return before / ((performance.now() - startedMs) / 1_000)
    if (startedMs === 0 && waiting < eventsTotal) [startedMs, before] = [performance.now(), waiting]
    await wait(20)
  }
}

async function probe(rig: Rig, ingest: RunningService): Promise<number[]> {
  const lags: number[] = []
  for (let count = 0; count < probes; count += 1) {
    await ingest.publish([session()])
    const startedMs = performance.now()
    while ((await unsent(rig)) > 0) await wait(1)
    lags.push(performance.now() - startedMs)
  }
  return lags.toSorted((a, b) => a - b)
}

async function unsent(rig: Rig): Promise<number> {
  const [row] = await rig.look<{ count: number }>(
    `select count(*) as count from ingest.outbox where sequence is null`,
    [],
    'ingest',
  )
  return row?.count ?? 0
}
