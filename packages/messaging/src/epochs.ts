import type { Service } from '@csr/contracts/services'
import { streams, type StreamDeclaration } from '@csr/contracts/streams'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import type { Nats } from './connect.ts'
import { epochKey, lowWaterOf } from './topology.ts'

/** A stream as the server holds it: which incarnation, what stands in it, and what of it nobody needs any more. */
export type StreamState = {
  readonly stream: string
  readonly epoch: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** messages between the two that are not there */
  readonly missing: number
  /** messages this service published, where others publish into the same stream; else 0 */
  readonly own: number
  /** all durables have acknowledged up to here; null while the keeper has not said */
  readonly lowWater: number | null
  /** so close to its limit that it drops its oldest messages */
  readonly isFull: boolean
  /** the oldest a message of it becomes, days */
  readonly maxAgeDays: number
}

/** An incarnation of a stream and where it ended when it was read: whatever is stored afterwards stands above. */
export type Incarnation = { readonly epoch: string; readonly end: number }

/** The epochs of the streams a service publishes into: which incarnation of a stream a sequence belongs to. */
export interface Epochs {
  /** undefined while it is not known on this connection */
  of(stream: string): Incarnation | undefined
  /** something about the stream is strange: nothing is published into it until it has been read again */
  forget(stream: string): void
  /** reads what is not known, or all `anew`; resolves with the name of a stream that cannot be used yet, or null */
  read(options?: { anew: boolean }): Promise<string | null>
}

/** From here on the server drops the oldest messages of a stream to make room. */
const fullShare = 0.98

/**
 * Epochs are read from the metadata the keeper wrote at creation, and forgotten whenever the connection comes up again.
 * `accept` sees each stream that was read before its epoch counts, and says whether it may count.
 */
export function readEpochs(
  service: Service,
  nats: Nats,
  accept: (found: StreamState) => Promise<boolean>,
): Epochs & Disposable {
  const published = streams.filter(({ publishers }) => publishers.includes(service))
  const known = new Map<string, Incarnation>()
  const end = nats.onConnected(() => known.clear())

  return {
    of: (stream) => known.get(stream),
    forget: (stream) => void known.delete(stream),
    async read(options) {
      const connection = nats.connection()
      if (!connection) return 'nats'
      const manager = await jetstreamManager(connection, { checkAPI: false })
      let unusable: string | null = null
      for (const declared of published) {
        const { name } = declared
        if (known.has(name) && !options?.anew) continue
        // A missing stream, an election and a lost connection look alike: the caller tries again.
        const found = await readState(manager, declared, service).catch(() => null)
        const accepted = found !== null && (await accept(found))
        if (nats.connection() !== connection) return 'nats'
        if (accepted) known.set(name, { epoch: found.epoch, end: found.lastSequence })
        else known.delete(name)
        if (!accepted) unusable ??= name
      }
      return unusable
    },
    [Symbol.dispose]: end,
  }
}

async function readState(
  manager: JetStreamManager,
  { name, publishers, subjects, maxAgeDays }: StreamDeclaration,
  service: Service,
): Promise<StreamState | null> {
  const [topics = ''] = subjects
  const mine = publishers.length > 1 ? { subjects_filter: topics.replace(/>$/, `${service}.>`) } : undefined
  const { config, state } = await manager.streams.info(name, mine)
  const epoch = config.metadata?.[epochKey]
  if (!epoch) return null
  const { first_seq, last_seq, messages, bytes } = state
  return {
    stream: name,
    epoch,
    firstSequence: first_seq,
    lastSequence: last_seq,
    missing: messages === 0 ? 0 : last_seq - first_seq + 1 - messages,
    own: Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0),
    lowWater: lowWaterOf(config.metadata),
    isFull: bytes > config.max_bytes * fullShare,
    maxAgeDays,
  }
}
