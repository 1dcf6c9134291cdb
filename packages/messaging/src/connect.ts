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
const pingEveryMs = 4_000
const pingsOutMax = 2
const connectWithinMs = 3_000

/**
 * Connects as `name` with the nkey seed in `credentialsFile` (one line), in the background and for ever. `start` fails only
 * if the file cannot be read: that is a fault of the set-up, not an outage.
 */
export function connectNats(options: { name: NatsUser; url: string; credentialsFile: string; logger: Logger }): Nats {
  const { name, url, logger } = options
  const listeners = new Set<(connection: NatsConnection) => void>()
  const stopping = new AbortController()
  let current: NatsConnection | null = null
  let usable = false
  let running: Promise<void> | undefined

  function up(connection: NatsConnection): void {
    usable = true
    logger.info('nats-connected', { name })
    for (const listener of listeners) listener(connection)
  }

  async function follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        if (usable) logger.warn('nats-disconnected', { name })
        usable = false
      } else if (status.type === 'reconnect') up(connection)
      else if (status.type === 'error') logger.error('nats-error', status.error, { name })
    }
  }

  /** Once connected the client reconnects by itself; the loop covers the first connection and its giving up. */
  async function run(seed: Uint8Array): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const connection = await connect({ ...clientOptions(name, url), authenticator: nkeyAuthenticator(seed) })
        if (stopping.signal.aborted) return await connection.close()
        current = connection
        void follow(connection)
        up(connection)
        await connection.closed()
      } catch (error) {
        logger.debug('nats-connect-failed', { name, code: error instanceof Error ? error.name : undefined })
      }
      usable = false
      current = null
      await sleep(reconnectEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  return {
    name: 'nats',
    connection: () => (usable ? current : null),
    onConnected(listener) {
      listeners.add(listener)
      if (usable && current) listener(current)
      return () => listeners.delete(listener)
    },
    inbox: () => createInbox(inboxPrefixOf(name)),
    async start() {
      const seed = new TextEncoder().encode((await readFile(options.credentialsFile, 'utf8')).trim())
      running = run(seed)
    },
    readiness: (): Readiness => (usable ? { ready: true } : { ready: false, missing: 'nats' }),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      if (current && !current.isClosed()) await (usable ? current.drain() : current.close())
      usable = false
      await running
    },
  }
}

function clientOptions(name: NatsUser, url: string) {
  return {
    servers: url,
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
