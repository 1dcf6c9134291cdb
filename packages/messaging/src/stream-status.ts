import { durables } from '@csr/contracts/consumers'
import { streams } from '@csr/contracts/streams'
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { readTopology } from './streams.ts'
import { epochKey, lowWaterOf } from './topology.ts'

/** State of one stream and its durables. */
export type StreamStatus = {
  readonly stream: string
  readonly epoch: string | null
  readonly messages: number
  readonly bytes: number
  readonly firstSequence: number
  readonly lastSequence: number
  /** all durables had acknowledged up to here some minutes ago; null while the keeper has not said */
  readonly lowWater: number | null
  readonly replicas: number
  /** the server that leads it; null on a server of its own */
  readonly leader: string | null
  readonly durables: readonly { name: string; ackFloor: number; unacknowledged: number; waiting: number }[]
  /** what somebody should look at, in words */
  readonly warnings: readonly string[]
}

/** Above this share of its size a stream is close to dropping its oldest messages. */
const nearlyFullShare = 0.8

/** Reads the state of every declared stream that exists. */
export async function statusStreams(manager: JetStreamManager): Promise<StreamStatus[]> {
  const found = await readTopology(manager)
  return streams.flatMap(({ name: stream }) => {
    const there = found.get(stream)
    if (!there) return []
    const { info, durables: consumers } = there
    return {
      stream,
      epoch: info.config.metadata?.[epochKey] ?? null,
      messages: info.state.messages,
      bytes: info.state.bytes,
      firstSequence: info.state.first_seq,
      lastSequence: info.state.last_seq,
      lowWater: lowWaterOf(info.config.metadata),
      replicas: info.config.num_replicas,
      leader: info.cluster?.leader ?? null,
      durables: [...consumers.values()].map((consumer) => ({
        name: consumer.name,
        ackFloor: consumer.ack_floor.stream_seq,
        unacknowledged: consumer.num_ack_pending,
        waiting: consumer.num_pending,
      })),
      warnings: [...streamWarnings(info), ...durableWarnings(info, consumers)],
    }
  })
}

function streamWarnings({ config, state, cluster }: StreamInfo): string[] {
  const missing = state.messages === 0 ? 0 : state.last_seq - state.first_seq + 1 - state.messages
  const share = state.bytes / config.max_bytes
  return [
    ...(config.metadata?.[epochKey] ? [] : ['has no epoch: the keeper has not seen it']),
    ...(missing > 0 ? [`${missing} messages are missing between its first and its last`] : []),
    ...(share > nearlyFullShare ? [`is ${Math.round(share * 100)} % full and drops its oldest messages at 100 %`] : []),
    ...(config.num_replicas > 1 && !cluster?.leader ? ['has no leader'] : []),
    ...(cluster?.replicas ?? [])
      .filter(({ current, offline }) => offline || !current)
      .map(({ name, offline }) => `its copy on ${name} is ${offline ? 'offline' : 'behind'}`),
  ]
}

function durableWarnings({ config, state }: StreamInfo, consumers: ReadonlyMap<string, ConsumerInfo>): string[] {
  const declared = durables.filter(({ stream }) => stream === config.name).map(({ name }) => name)
  return [
    ...declared.filter((name) => !consumers.has(name)).map((name) => `durable ${name} is missing`),
    ...[...consumers.values()].flatMap(({ name, ack_floor, num_ack_pending, config: { max_ack_pending } }) => [
      ...(declared.includes(name) ? [] : [`durable ${name} is declared nowhere`]),
      ...(ack_floor.stream_seq > state.last_seq ? [`durable ${name} stands beyond its end`] : []),
      ...(num_ack_pending >= (max_ack_pending ?? Infinity) ? [`durable ${name} has its window full`] : []),
    ]),
  ]
}
