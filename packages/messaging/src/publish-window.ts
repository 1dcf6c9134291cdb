import { streamOf } from '@csr/contracts/streams'
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Nats } from './connect.ts'
import type { Epochs } from './epochs.ts'

/** A row of the outbox on its way. */
export type Unsent = {
  readonly id: string
  readonly topic: string
  readonly payload: string
  readonly traceparent: string | null
}

/** Where an event was stored. */
export type Stored = { readonly id: string; readonly epoch: string; readonly sequence: number }

/** An acknowledgement that is not there by then counts as failed; a second copy is dropped by the stream or an inbox. */
const acknowledgeWithinMs = 5_000
const sweepEveryMs = 1_000

type Open = { readonly id: string; readonly stream: string; readonly sentAtMs: number }

/** What a stream answers to a publish (JetStream wire API). */
type Answer = { readonly stream?: string; readonly seq?: number; readonly error?: { readonly err_code: number } }

/** The publishes that wait for their acknowledgement. One subscription and one timer serve them all. */
export class PublishWindow implements Disposable {
  readonly #nats: Nats
  readonly #epochs: Epochs
  readonly #onProgress: (open: number) => void
  readonly #open = new Map<string, Open>()
  readonly #known = new Set<string>()
  readonly #endConnected: () => void
  readonly #sweeping: NodeJS.Timeout
  #stored: Stored[] = []
  #failure: string | null = null
  #inbox = ''
  #answers: Subscription | undefined
  #count = 0

  /** `onProgress` is told how many are still open after each answer. */
  constructor(nats: Nats, epochs: Epochs, onProgress: (open: number) => void) {
    this.#nats = nats
    this.#epochs = epochs
    this.#onProgress = onProgress
    this.#endConnected = nats.onConnected((connection) => this.#connect(connection))
    this.#sweeping = setInterval(() => this.#sweep(), sweepEveryMs)
  }

  /** publishes without an answer yet */
  get open(): number {
    return this.#open.size
  }

  /** ids that are open, or stored but not yet forgotten */
  ids(): string[] {
    return [...this.#known]
  }

  publish({ id, topic, payload, traceparent }: Unsent): void {
    const connection = this.#nats.connection()
    if (!connection) {
      this.#failure = 'disconnected'
      return
    }
    const about = headers()
    about.set('Nats-Msg-Id', id)
    if (traceparent) about.set('traceparent', traceparent)
    const token = String((this.#count += 1))
    try {
      connection.publish(topic, payload, { headers: about, reply: `${this.#inbox}.${token}` })
      this.#known.add(id)
      this.#open.set(token, { id, stream: streamOf(topic), sentAtMs: performance.now() })
    } catch (error) {
      this.#failure = error instanceof Error ? error.name : 'refused'
    }
  }

  /** Takes what was stored since the last call; the ids stay known until `forget`. */
  takeStored(): Stored[] {
    const taken = this.#stored
    this.#stored = []
    return taken
  }

  /** Gives back what could not be marked. */
  giveBack(rows: readonly Stored[]): void {
    this.#stored.push(...rows)
  }

  forget(rows: readonly Stored[]): void {
    for (const { id } of rows) this.#known.delete(id)
  }

  /** Why publishes failed since the last call, or null. */
  takeFailure(): string | null {
    const why = this.#failure
    this.#failure = null
    return why
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeping)
    this.#endConnected()
    this.#answers?.unsubscribe()
  }

  /** Answers under way on an earlier connection are lost: their rows go out again. */
  #connect(connection: NatsConnection): void {
    for (const [token, row] of this.#open) this.#fail(token, row, 'disconnected')
    this.#answers?.unsubscribe()
    this.#inbox = this.#nats.inbox()
    this.#answers = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? undefined : this.#receive(message)),
    })
    this.#onProgress(this.#open.size)
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1)
    const row = this.#open.get(token)
    if (!row) return
    const answer = message.headers?.code === noResponders ? null : message.json<Answer>()
    const epoch = this.#epochs.of(row.stream)
    if (answer?.stream === row.stream && answer.seq !== undefined && epoch !== undefined) {
      this.#open.delete(token)
      this.#stored.push({ id: row.id, epoch, sequence: answer.seq })
    } else this.#fail(token, row, answer?.error ? `jetstream-${answer.error.err_code}` : 'no-responders')
    this.#onProgress(this.#open.size)
  }

  #fail(token: string, { id }: Open, why: string): void {
    this.#open.delete(token)
    this.#known.delete(id)
    this.#failure = why
  }

  #sweep(): void {
    const lateMs = performance.now() - acknowledgeWithinMs
    for (const [token, row] of this.#open) if (row.sentAtMs < lateMs) this.#fail(token, row, 'timeout')
    if (this.#failure) this.#onProgress(this.#open.size)
  }
}

/** Status of an answer when no stream listens to the topic. */
const noResponders = 503
