import type { Logger } from '@csr/runtime/logger'
import { DiscardPolicy, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { KeeperTelemetry } from './telemetry.ts'

/**
 * The server gave up on a message. Durables deliver without end and services never terminate a message, so either of the
 * two can only mean a defect: a durable changed by hand, or a program that is none of ours.
 */
export type Advisory = {
  readonly kind: 'max-deliveries' | 'terminated'
  readonly at: string
  readonly stream: string
  readonly durable: string
  readonly sequence: number
}

/**
 * Advisories are sent once and to whoever listens at that moment, so a stream of the server's own catches them, also while
 * the keeper is down. It is kept apart from the declared streams: no service publishes into it or hears it.
 */
const stream = 'ADVISORIES'
const topic = '$JS.EVENT.ADVISORY.CONSUMER'
const keptMs = 7 * 86_400_000
const keptMax = 10_000
const shownMax = 20

const config = {
  name: stream,
  subjects: [`${topic}.MAX_DELIVERIES.>`, `${topic}.MSG_TERMINATED.>`],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  max_age: nanos(keptMs),
  max_msgs: keptMax,
}

/** Makes the stream that catches advisories, and tells of each one as an error and a count; after a restart once more. */
export function createAdvisoryWatch(
  logger: Logger,
  telemetry: Pick<KeeperTelemetry, 'gaveUp'>,
): (manager: JetStreamManager) => Promise<void> {
  let told = 0
  return async (manager) => {
    const last = await lastSequence(manager)
    if (last === null) await manager.streams.add(config)
    for (const [sequence, found] of await read(manager, told, last ?? 0)) {
      told = sequence
      const { kind, durable, stream: of, sequence: at } = found
      telemetry.gaveUp(found)
      logger.error('server-gave-up', new Error('advisory'), { kind, stream: of, durable, sequence: at })
    }
  }
}

/** The latest advisories of the last seven days, oldest first; empty where all is well. */
export async function readAdvisories(manager: JetStreamManager): Promise<Advisory[]> {
  const last = await lastSequence(manager)
  if (last === null) return []
  return [...(await read(manager, Math.max(0, last - shownMax), last)).values()]
}

/** null where the stream is not there yet. */
async function lastSequence(manager: JetStreamManager): Promise<number | null> {
  for await (const { config: found, state } of manager.streams.list()) {
    if (found.name === stream) return state.last_seq
  }
  return null
}

async function read(manager: JetStreamManager, after: number, last: number): Promise<Map<number, Advisory>> {
  const found = new Map<number, Advisory>()
  for (let sequence = after + 1; sequence <= last; sequence += 1) {
    const message = await manager.streams.getMessage(stream, { seq: sequence })
    if (message === null) continue
    const said = message.json<{ timestamp: string; stream: string; consumer: string; stream_seq: number }>()
    found.set(sequence, {
      kind: message.subject.startsWith(`${topic}.MAX_DELIVERIES.`) ? 'max-deliveries' : 'terminated',
      ...{ at: said.timestamp, stream: said.stream, durable: said.consumer, sequence: said.stream_seq },
    })
  }
  return found
}
