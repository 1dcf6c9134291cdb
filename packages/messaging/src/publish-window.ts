import { streamOf } from '@csr/contracts/streams'
import { headers, type Msg, type MsgHdrs, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import type { Nats } from './connect.ts'
import type { Epochs, Incarnation } from './epochs.ts'

/** A row of the outbox on its way. */
export type Unsent = {
  readonly id: string
  readonly topic: string
  readonly payload: string
  readonly traceparent: string | null
}

/** Where an event was stored. */
export type Stored = {
  readonly id: string
  readonly stream: string
  readonly epoch: string
  readonly sequence: number
  /** it stood there before: the stream dropped this copy */
  readonly isCopy: boolean
}

/** An acknowledgement that is not there by then counts as failed; a second copy is dropped by the stream or an inbox. */
const acknowledgeWithinMs = 5_000
const sweepEveryMs = 1_000

/** One message, or one batch that is stored as a whole under consecutive sequences. */
type Open = {
  readonly rows: readonly Unsent[]
  readonly stream: string
  readonly sentTo: Incarnation
  readonly sentAtMs: number
}

/** What a stream answers to a publish (JetStream wire API). */
type Answer = {
  readonly stream?: string
  /** of a batch: the sequence of its last message */
  readonly seq?: number
  readonly count?: number
  readonly duplicate?: boolean
  readonly error?: { readonly err_code: number }
}

/**
 * With every write synced, a stream pays for the disk per message, but for a batch only about four times, whatever its
 * size: from this many on a batch is cheaper.
 */
const batchLeast = 8
/** Half of what the relay has under way, so that the next batch is read and sent while this one is stored. */
const batchMost = 128

type Listeners = {
  /** told after each answer how many publishes were and are open */
  readonly progress: (before: number, open: number) => void
  /** a stream stored something in a place that was taken when it was last read: it is not what it was */
  readonly replaced: (stream: string) => void
}

/** The publishes that wait for their acknowledgement. One subscription and one timer serve them all. */
export class PublishWindow implements Disposable {
  readonly #nats: Nats
  readonly #epochs: Epochs
  readonly #on: Listeners
  readonly #open = new Map<string, Open>()
  readonly #known = new Set<string>()
  readonly #endConnected: () => void
  readonly #sweeping: NodeJS.Timeout
  #stored: Stored[] = []
  #failure: string | null = null
  #inbox = ''
  #answers: Subscription | undefined
  #count = 0
  #size = 0

  constructor(nats: Nats, epochs: Epochs, on: Listeners) {
    this.#nats = nats
    this.#epochs = epochs
    this.#on = on
    this.#endConnected = nats.onConnected((connection) => this.#connect(connection))
    this.#sweeping = setInterval(() => this.#sweep(), sweepEveryMs)
  }

  /** publishes without an answer yet */
  get open(): number {
    return this.#size
  }

  /** ids that are open, or stored but not yet forgotten */
  ids(): string[] {
    return [...this.#known]
  }

  /** how many may be in a stream already although nobody has marked them */
  unmarkedIn(stream: string): number {
    let count = this.#stored.filter((row) => row.stream === stream).length
    for (const open of this.#open.values()) if (open.stream === stream) count += open.rows.length
    return count
  }

  /** Publishes rows, in batches where there are many for one stream. */
  publish(rows: readonly Unsent[]): void {
    for (const [stream, sameStream] of Map.groupBy(rows, ({ topic }) => streamOf(topic))) {
      for (let at = 0; at < sameStream.length; at += batchMost) {
        const chunk = sameStream.slice(at, at + batchMost)
        if (chunk.length >= batchLeast) this.#send(stream, chunk)
        else for (const row of chunk) this.#send(stream, [row])
      }
    }
  }

  #send(stream: string, rows: readonly Unsent[]): void {
    const connection = this.#nats.connection()
    const sentTo = this.#epochs.of(stream)
    if (!connection || !sentTo) {
      this.#failure = connection ? 'stream-unread' : 'disconnected'
      return
    }
    const token = String((this.#count += 1))
    const batchId = rows.length > 1 ? `${this.#inbox.slice(-batchMarkCharacters)}${token}` : null
    try {
      for (const [index, row] of rows.entries()) {
        const isLast = index === rows.length - 1
        const about = describe(row, batchId === null ? null : { id: batchId, sequence: index + 1, isLast })
        const options = isLast ? { headers: about, reply: `${this.#inbox}.${token}` } : { headers: about }
        connection.publish(row.topic, row.payload, options)
      }
      for (const { id } of rows) this.#known.add(id)
      this.#open.set(token, { rows, stream, sentTo, sentAtMs: performance.now() })
      this.#size += rows.length
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

  /** Forgets everything under way: the stream is another one than before, and its answers cannot be told apart. */
  startOver(): void {
    this.#open.clear()
    this.#known.clear()
    this.#stored = []
    this.#size = 0
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
    const before = this.#size
    for (const [token, open] of this.#open) this.#fail(token, open, 'disconnected')
    this.#answers?.unsubscribe()
    this.#inbox = this.#nats.inbox()
    this.#answers = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? undefined : this.#receive(message)),
    })
    this.#on.progress(before, this.#size)
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1)
    const open = this.#open.get(token)
    if (!open) return
    const before = this.#size
    const answer = message.headers?.code === noResponders ? null : message.json<Answer>()
    const { rows, stream, sentTo } = open
    const isStored = answer?.stream === stream && answer.seq !== undefined && (answer.count ?? 1) === rows.length
    const first = isStored ? answer.seq - rows.length + 1 : 0
    const isCopy = answer?.duplicate === true
    if (isStored && !isCopy && first <= sentTo.end) {
      this.#fail(token, open, 'stream-replaced')
      this.#on.replaced(stream)
    } else if (isStored) {
      this.#close(token, open)
      const { epoch } = sentTo
      for (const [at, { id }] of rows.entries()) this.#stored.push({ id, stream, epoch, sequence: first + at, isCopy })
    } else if (rows.length > 1 && answer !== null) {
      // One copy of a message that is stored already rejects its whole batch: one by one each gets its own answer.
      this.#close(token, open)
      for (const row of rows) this.#send(stream, [row])
    } else this.#fail(token, open, answer?.error ? `jetstream-${answer.error.err_code}` : 'no-responders')
    this.#on.progress(before, this.#size)
  }

  #close(token: string, { rows }: Open): void {
    this.#open.delete(token)
    this.#size -= rows.length
  }

  /** What refuses may have become another stream: it is read again before anything is published into it. */
  #fail(token: string, open: Open, why: string): void {
    this.#close(token, open)
    this.#epochs.forget(open.stream)
    for (const { id } of open.rows) this.#known.delete(id)
    this.#failure = why
  }

  #sweep(): void {
    const before = this.#size
    const lateMs = performance.now() - acknowledgeWithinMs
    for (const [token, open] of this.#open) if (open.sentAtMs < lateMs) this.#fail(token, open, 'timeout')
    if (this.#failure) this.#on.progress(before, this.#size)
  }
}

/** Enough of the inbox's random tail to tell batches of different connections apart; an id has 64 characters at most. */
const batchMarkCharacters = 22

/** Headers of a message; those of a batch as in NATS' architecture decision record 50. */
function describe(row: Unsent, batch: { id: string; sequence: number; isLast: boolean } | null): MsgHdrs {
  const about = headers()
  about.set('Nats-Msg-Id', row.id)
  if (row.traceparent) about.set('traceparent', row.traceparent)
  if (batch) {
    about.set('Nats-Batch-Id', batch.id)
    about.set('Nats-Batch-Sequence', String(batch.sequence))
    if (batch.isLast) about.set('Nats-Batch-Commit', '1')
  }
  return about
}

/** Status of an answer when no stream listens to the topic. */
const noResponders = 503
