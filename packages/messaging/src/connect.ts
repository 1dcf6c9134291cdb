import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { connect, createInbox, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { inboxPrefixOf, type NatsUser } from './users.ts'

/** A connection to the servers that never gives up. Who needs it asks for it each time and copes with null. */
export interface Nats extends Resource {
  /** the connection while it is usable, else null */
  connection(): NatsConnection | null
  /**
   * Calls back each time the connection has come up, at once if it is up. All that lived in the server's memory for this
   * connection (open pulls, answers on their way) is gone by then. Returns the function that ends it.
   */
  onConnected(listener: (connection: NatsConnection) => void): () => void
  /** a topic prefix for answers that only this connection listens to */
  inbox(): string
}

const reconnectEveryMs = 250
/** A server that is frozen rather than gone is noticed after two unanswered pings. */
const pingEveryMs = 2_000
const pingsOutMax = 2
const connectWithinMs = 3_000
const drainWithinMs = 2_000

type Options = {
  readonly name: NatsUser
  /** one address, or those of the nodes of a cluster separated by commas */
  readonly url: string
  readonly credentialsFile: string
  readonly logger: Logger
}

/**
 * Connects as `name` with the nkey seed in `credentialsFile` (one line), in the background and for ever. `start` fails only
 * if the file cannot be read: that is a fault of the set-up, not an outage.
 */
export function connectNats(options: Options): Nats {
  return new LastingConnection(options)
}

class LastingConnection implements Nats {
  readonly name = 'nats'
  readonly #options: Options
  readonly #listeners = new Set<(connection: NatsConnection) => void>()
  readonly #stopping = new AbortController()
  #current: NatsConnection | null = null
  #usable = false
  #running: Promise<void> | undefined

  constructor(options: Options) {
    this.#options = options
  }

  connection(): NatsConnection | null {
    const connection = this.#current
    return this.#usable && connection && !connection.isClosed() && !connection.isDraining() ? connection : null
  }

  onConnected(listener: (connection: NatsConnection) => void): () => void {
    this.#listeners.add(listener)
    if (this.#usable && this.#current) listener(this.#current)
    return () => this.#listeners.delete(listener)
  }

  inbox(): string {
    return createInbox(inboxPrefixOf(this.#options.name))
  }

  readiness(): Readiness {
    return this.#usable ? { ready: true } : { ready: false, missing: 'nats' }
  }

  async start(): Promise<void> {
    const seed = (await readFile(this.#options.credentialsFile, 'utf8')).trim()
    this.#running = this.#run(new TextEncoder().encode(seed))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    const connection = this.#current
    if (connection && !connection.isClosed()) {
      const drained = this.#usable ? connection.drain().catch(() => undefined) : undefined
      await Promise.race([drained, sleep(drainWithinMs, undefined, { ref: false })])
      await connection.close()
    }
    this.#usable = false
    await this.#running
  }

  /** Once connected the client reconnects by itself; the loop covers the first connection and its giving up. */
  async #run(seed: Uint8Array): Promise<void> {
    const { name, url, logger } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const connection = await connect({ ...clientOptions(name, url), authenticator: nkeyAuthenticator(seed) })
        if (signal.aborted) return await connection.close()
        this.#current = connection
        void this.#follow(connection)
        this.#up(connection)
        await connection.closed()
      } catch (error) {
        logger.debug('nats-connect-failed', { name, code: error instanceof Error ? error.name : undefined })
      }
      this.#usable = false
      this.#current = null
      await sleep(reconnectEveryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    const { name, logger } = this.#options
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        if (this.#usable) logger.warn('nats-disconnected', { name })
        this.#usable = false
      } else if (status.type === 'reconnect') this.#up(connection)
      else if (status.type === 'error') logger.error('nats-error', status.error, { name })
    }
  }

  #up(connection: NatsConnection): void {
    this.#usable = true
    this.#options.logger.info('nats-connected', { name: this.#options.name })
    for (const listener of this.#listeners) listener(connection)
  }
}

function clientOptions(name: NatsUser, url: string) {
  return {
    servers: url.split(','),
    name,
    inboxPrefix: inboxPrefixOf(name),
    ignoreAuthErrorAbort: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectEveryMs,
    reconnectJitter: reconnectEveryMs,
    pingInterval: pingEveryMs,
    maxPingOut: pingsOutMax,
    timeout: connectWithinMs,
  }
}
