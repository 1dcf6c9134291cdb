import type { Durable } from '@csr/contracts/consumers'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Nats } from './connect.ts'
import { epochKey } from './topology.ts'

const expiresMs = 30_000
const heartbeatMs = 5_000
const checkEveryMs = 1_000
/** Three heartbeats missed: the request is gone, whatever became of it. */
const silentMaxMs = 3 * heartbeatMs

/** Statuses of the JetStream wire API: an idle heartbeat, and the two ways in which a request runs out. */
const heartbeatStatus = 100
const endedStatuses: ReadonlySet<number> = new Set([404, 408])

export type PullerOptions = {
  readonly nats: Nats
  readonly durable: Durable
  readonly onMessage: (message: Msg, epoch: string) => void
  /** the caller may ask again */
  readonly onReady: () => void
}

/**
 * Asks a durable for messages, one request at a time, and never for more than its caller wants. Through lost connections,
 * missing durables and elections it comes back by itself.
 */
export class Puller {
  readonly #options: PullerOptions
  readonly #next: string
  readonly #endConnected: () => void
  readonly #timer: NodeJS.Timeout
  #inbox = ''
  #answers: Subscription | undefined
  /** known once the durable was seen on this connection */
  #epoch: string | null = null
  #open = 0
  #heardMs = 0
  #checking = false
  #stopped = false

  constructor(options: PullerOptions) {
    const { nats, durable } = options
    this.#options = options
    this.#next = `$JS.API.CONSUMER.MSG.NEXT.${durable.stream}.${durable.name}`
    this.#endConnected = nats.onConnected((connection) => this.#connect(connection))
    this.#timer = setInterval(() => this.#look(), checkEveryMs)
  }

  /** Asks for up to `count`; does nothing while a request is open or the durable is not there. */
  pull(count: number): void {
    const connection = this.#options.nats.connection()
    if (this.#stopped || this.#open > 0 || count <= 0 || this.#epoch === null || !connection) return
    this.#open = count
    this.#heardMs = performance.now()
    const request = { batch: count, expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) }
    connection.publish(this.#next, JSON.stringify(request), { reply: this.#inbox })
  }

  /** What is missing to receive, or null. */
  get missing(): string | null {
    if (!this.#options.nats.connection()) return 'nats'
    return this.#epoch === null ? `durable ${this.#options.durable.name}` : null
  }

  /** Receives nothing more, except what is on its way already. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    this.#endConnected()
    if (this.#answers && this.#options.nats.connection()) await this.#answers.drain()
  }

  #connect(connection: NatsConnection): void {
    if (this.#stopped) return
    this.#lose()
    this.#answers?.unsubscribe()
    this.#inbox = this.#options.nats.inbox()
    this.#answers = connection.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.#lose() : this.#receive(message)),
    })
    void this.#check(connection)
  }

  #receive(message: Msg): void {
    this.#heardMs = performance.now()
    if (message.reply?.startsWith('$JS.ACK.')) {
      this.#open = Math.max(0, this.#open - 1)
      if (this.#epoch !== null) this.#options.onMessage(message, this.#epoch)
      if (this.#open === 0) this.#options.onReady()
      return
    }
    const code = message.headers?.code ?? 0
    if (code === heartbeatStatus) return
    this.#open = 0
    if (endedStatuses.has(code)) this.#options.onReady()
    else this.#lose()
  }

  /** Reads the durable's info: proof that it is there, and the epoch of its stream. */
  async #check(connection: NatsConnection): Promise<void> {
    if (this.#checking) return
    this.#checking = true
    const { nats, durable, onReady } = this.#options
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false })
      const info = await manager.consumers.info(durable.stream, durable.name)
      if (nats.connection() !== connection || this.#stopped) return
      this.#epoch = info.config.metadata?.[epochKey] ?? ''
      onReady()
    } catch {
      // Not there yet, an election, or disconnected: the timer looks again.
    } finally {
      this.#checking = false
    }
  }

  #look(): void {
    const connection = this.#options.nats.connection()
    if (!connection) return
    if (this.#open > 0 && performance.now() - this.#heardMs > silentMaxMs) this.#lose()
    if (this.#epoch === null) void this.#check(connection)
  }

  #lose(): void {
    this.#epoch = null
    this.#open = 0
  }
}
