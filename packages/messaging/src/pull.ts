import type { Durable } from '@csr/contracts/consumers'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Nats } from './connect.ts'
import { epochKey } from './topology.ts'

/** Asks a durable for messages, one request at a time, and never for more than its caller wants. */
export interface Puller extends AsyncDisposable {
  /** asks for up to `count`; does nothing while a request is open or the durable is not there */
  pull(count: number): void
  /** messages that may still arrive for the open request */
  readonly open: number
  /** what is missing to receive, or null */
  readonly missing: string | null
  /** receives nothing more */
  stop(): Promise<void>
}

const expiresMs = 30_000
const heartbeatMs = 5_000
const checkEveryMs = 1_000
/** Three heartbeats missed: the request is gone, whatever became of it. */
const silentMaxMs = 3 * heartbeatMs

type Options = {
  readonly nats: Nats
  readonly durable: Durable
  readonly onMessage: (message: Msg, epoch: string) => void
  /** the caller may ask again */
  readonly onReady: () => void
}

/** Opens a puller. Through lost connections, missing durables and elections it comes back by itself. */
export function openPuller({ nats, durable, onMessage, onReady }: Options): Puller {
  const { stream, name } = durable
  const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`
  let inbox = ''
  let answers: Subscription | undefined
  let epoch: string | null = null
  let open = 0
  let heardMs = 0
  let checking = false
  let stopped = false

  /** Reads the durable's info: proof that it is there, and the epoch of its stream. */
  async function check(connection: NatsConnection): Promise<void> {
    if (checking) return
    checking = true
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false })
      const info = await manager.consumers.info(stream, name)
      if (nats.connection() !== connection || stopped) return
      epoch = info.config.metadata?.[epochKey] ?? ''
      onReady()
    } catch {
      // Not there yet, an election, or disconnected: the timer below looks again.
    } finally {
      checking = false
    }
  }

  function lose(): void {
    epoch = null
    open = 0
  }

  function receive(message: Msg): void {
    heardMs = performance.now()
    if (message.reply?.startsWith('$JS.ACK.')) {
      open = Math.max(0, open - 1)
      if (epoch !== null) onMessage(message, epoch)
      if (open === 0) onReady()
      return
    }
    const code = message.headers?.code ?? 0
    if (code === heartbeatStatus) return
    open = 0
    // 404 and 408 end a request that ran out; anything else means that the durable, or its leader, went away.
    if (code === 404 || code === 408) onReady()
    else lose()
  }

  function connect(connection: NatsConnection): void {
    if (stopped) return
    lose()
    answers?.unsubscribe()
    inbox = nats.inbox()
    answers = connection.subscribe(inbox, { callback: (error, message) => (error ? lose() : receive(message)) })
    void check(connection)
  }

  const endConnected = nats.onConnected(connect)
  const timer = setInterval(() => {
    const connection = nats.connection()
    if (!connection || stopped) return
    if (open > 0 && performance.now() - heardMs > silentMaxMs) lose()
    if (epoch === null) void check(connection)
  }, checkEveryMs)

  return {
    pull(count) {
      const connection = nats.connection()
      if (stopped || open > 0 || count <= 0 || epoch === null || !connection) return
      open = count
      heardMs = performance.now()
      const request = { batch: count, expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) }
      connection.publish(next, JSON.stringify(request), { reply: inbox })
    },
    get open() {
      return open
    },
    get missing() {
      if (!nats.connection()) return 'nats'
      return epoch === null ? `durable ${name}` : null
    },
    async stop() {
      if (stopped) return
      stopped = true
      clearInterval(timer)
      endConnected()
      if (answers && nats.connection()) await answers.drain()
    },
    async [Symbol.asyncDispose]() {
      await this.stop()
    },
  }
}

/** Status of an idle heartbeat (JetStream wire API). */
const heartbeatStatus = 100
