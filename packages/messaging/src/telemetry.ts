import { durables } from '@csr/contracts/consumers'
import { streams } from '@csr/contracts/streams'
import type { Telemetry } from '@csr/runtime/telemetry'
import type { Advisory } from './advisories.ts'
import type { Loss } from './reconcile.ts'
import type { Change } from './streams.ts'

const lagBuckets = [0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2, 5, 15, 60, 300]
const sizeBuckets = [1, 2, 5, 10, 20, 50, 100]

/** What is counted of a relay. */
export function relayTelemetry(telemetry: Telemetry) {
  const relayed = telemetry.counter('outbox_relayed_total', 'Events stored by their stream and marked')
  const signs = ['stream', 'sign']
  const losses = telemetry.counter('stream_losses_total', 'Times a stream was found to have lost events', signs)
  const again = telemetry.counter(
    'outbox_republished_total',
    'Events sent again because their stream lost events',
    signs,
  )
  const failures = telemetry.counter('outbox_turns_failed_total', 'Turns of the relay that failed')
  const backlog = telemetry.gauge('outbox_backlog', 'Events not yet marked as stored, counted up to 100,000')
  const age = telemetry.gauge('outbox_oldest_seconds', 'Age of the oldest event not yet marked as stored')
  return {
    relayed: (count: number) => relayed.add(count),
    lost({ stream, sign, count }: Loss) {
      losses.add(1, { stream, sign })
      again.add(count, { stream, sign })
    },
    failed: () => failures.add(),
    backlog(count: number, oldestMs: number) {
      backlog.set(count)
      age.set(oldestMs / 1_000)
    },
  }
}

export type KeeperTelemetry = ReturnType<typeof keeperTelemetry>

/** What is counted of the keeper. Names that no declaration knows count as `other`: a program of nobody's may bear any name. */
export function keeperTelemetry(telemetry: Telemetry) {
  const place = ['stream', 'durable']
  const gaveUp = telemetry.counter(
    'server_gave_up_total',
    'Messages the server itself gave up on, of the last seven days and since; any is a defect',
    ['kind', ...place],
  )
  const changes = telemetry.counter(
    'streams_changed_total',
    'Streams and durables that were not as declared, by what was done',
    ['change', ...place, 'outcome'],
  )
  return {
    gaveUp: ({ kind, stream, durable }: Advisory) =>
      gaveUp.add(1, { kind, stream: known(streamNames, stream), durable: known(durableNames, durable) }),
    changed: ({ kind, stream, durable, allowed }: Change) =>
      changes.add(1, { change: kind, stream, durable: durable ?? '', outcome: allowed ? 'applied' : 'refused' }),
  }
}

const streamNames = new Set(streams.map(({ name }) => name))
const durableNames = new Set(durables.map(({ consumer }) => consumer))
const known = (names: ReadonlySet<string>, name: string): string => (names.has(name) ? name : 'other')

export type ConsumerTelemetry = ReturnType<typeof consumerTelemetry>

/** What is counted of the consumers of a service. */
export function consumerTelemetry(telemetry: Telemetry) {
  const labels = ['consumer']
  const effects = telemetry.counter('consumer_effects_total', 'Events that took effect', labels)
  const duplicates = telemetry.counter('consumer_duplicates_total', 'Deliveries of what was already settled', labels)
  const retries = telemetry.counter('consumer_retries_total', 'Failed attempts that will be repeated', labels)
  const waits = telemetry.counter(
    'consumer_waits_total',
    'Times a dependency was down and the message was kept',
    labels,
  )
  const parked = telemetry.counter('consumer_parked_total', 'Events that wait in the table parked', labels)
  const dead = telemetry.counter('consumer_dead_letters_total', 'Dead letters written', [...labels, 'reason'])
  const lag = telemetry.histogram('event_lag_seconds', 'From the id of an event to its effect', lagBuckets, labels)
  const size = telemetry.histogram('consumer_group_events', 'Events that shared a transaction', sizeBuckets, labels)
  return (consumer: string) => {
    const label = { consumer }
    return {
      effective(count: number) {
        effects.add(count, label)
        size.observe(count, label)
      },
      lagged: (ms: number) => lag.observe(Math.max(0, ms) / 1_000, label),
      duplicate: (count: number) => duplicates.add(count, label),
      retried: () => retries.add(1, label),
      waited: () => waits.add(1, label),
      parked: (count: number) => parked.add(count, label),
      dead: (reason: string) => dead.add(1, { consumer, reason }),
    }
  }
}
