import type { Service } from '@csr/contracts/services'
import { streams } from '@csr/contracts/streams'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Nats } from './connect.ts'
import { epochKey } from './topology.ts'

/** A stream as the server holds it: which incarnation, and how far it goes. */
export type StreamState = { readonly stream: string; readonly epoch: string; readonly lastSequence: number }

/** The epochs of the streams a service publishes into: which incarnation of a stream a sequence belongs to. */
export interface Epochs {
  /** the epoch of a stream, or undefined while it is not known on this connection */
  of(stream: string): string | undefined
  /** reads what is not known, or all `anew`; resolves with the name of a stream that cannot be read, or null */
  read(options?: { anew: boolean }): Promise<string | null>
}

/**
 * Epochs are read from the metadata the keeper wrote at creation, and forgotten whenever the connection comes up again.
 * `accept` sees each stream that was read before its epoch counts.
 */
export function readEpochs(
  service: Service,
  nats: Nats,
  accept: (found: StreamState) => Promise<unknown>,
): Epochs & Disposable {
  const names = streams.filter(({ publishers }) => publishers.includes(service)).map(({ name }) => name)
  const known = new Map<string, string>()
  const end = nats.onConnected(() => known.clear())

  return {
    of: (stream) => known.get(stream),
    async read(options) {
      const connection = nats.connection()
      if (!connection) return 'nats'
      const manager = await jetstreamManager(connection, { checkAPI: false })
      for (const stream of names) {
        if (known.has(stream) && !options?.anew) continue
        // A missing stream, an election and a lost connection look alike: the caller tries again.
        const info = await manager.streams.info(stream).catch(() => null)
        const epoch = info?.config.metadata?.[epochKey]
        if (!info || !epoch) return stream
        await accept({ stream, epoch, lastSequence: info.state.last_seq })
        if (nats.connection() !== connection) return 'nats'
        known.set(stream, epoch)
      }
      return null
    },
    [Symbol.dispose]: end,
  }
}
