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

/** The publishes that wait for their acknowledgement. One subscription and one timer serve them all. */
export interface PublishWindow extends Disposable {
  /** publishes without a `Stored` yet */
  readonly open: number
  /** ids that are open, or stored but not yet confirmed to be marked */
  ids(): string[]
  publish(row: Unsent): void
  /** takes what was stored since the last call; the ids stay known until `forget` */
  takeStored(): Stored[]
  /** gives back what could not be marked */
  giveBack(stored: readonly Stored[]): void
  forget(stored: readonly Stored[]): void
  /** why publishes failed since the last call, or null */
  takeFailure(): string | null
}

/** An acknowledgement that is not there by then counts as failed; a second copy is dropped by the stream or an inbox. */
const acknowledgeWithinMs = 5_000
const sweepEveryMs = 1_000

type Open = { readonly id: string; readonly stream: string; readonly sentAtMs: number }

/** Opens a window on the service's connection. `onProgress` is told how many are still open after each answer. */
export function openWindow(options: { nats: Nats; epochs: Epochs; onProgress: (open: number) => void }): PublishWindow {
  const { nats, epochs, onProgress } = options
  const open = new Map<string, Open>()
  const known = new Set<string>()
  let stored: Stored[] = []
  let failure: string | null = null
  let inbox = ''
  let answers: Subscription | undefined
  let count = 0

  function fail(token: string, { id }: Open, why: string): void {
    open.delete(token)
    known.delete(id)
    failure = why
  }

  function receive(message: Msg): void {
    const token = message.subject.slice(inbox.length + 1)
    const row = open.get(token)
    if (!row) return
    const answer = message.headers?.code === 503 ? null : (message.json() as Answer)
    const epoch = epochs.of(row.stream)
    if (answer?.stream === row.stream && answer.seq !== undefined && epoch !== undefined) {
      open.delete(token)
      stored.push({ id: row.id, epoch, sequence: answer.seq })
    } else fail(token, row, answer?.error ? `jetstream-${answer.error.err_code}` : 'no-responders')
    onProgress(open.size)
  }

  /** Answers under way on an earlier connection are lost: their rows go out again. */
  function connect(connection: NatsConnection): void {
    for (const [token, row] of open) fail(token, row, 'disconnected')
    inbox = nats.inbox()
    answers?.unsubscribe()
    answers = connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => (error ? undefined : receive(message)),
    })
    onProgress(open.size)
  }

  const endConnected = nats.onConnected(connect)
  const sweep = setInterval(() => {
    const lateMs = performance.now() - acknowledgeWithinMs
    for (const [token, row] of open) if (row.sentAtMs < lateMs) fail(token, row, 'timeout')
    if (failure) onProgress(open.size)
  }, sweepEveryMs)

  return {
    get open() {
      return open.size
    },
    ids: () => [...known],
    publish({ id, topic, payload, traceparent }) {
      const connection = nats.connection()
      if (!connection) {
        failure = 'disconnected'
        return
      }
      const token = String((count += 1))
      const about = headers()
      about.set('Nats-Msg-Id', id)
      if (traceparent) about.set('traceparent', traceparent)
      known.add(id)
      open.set(token, { id, stream: streamOf(topic), sentAtMs: performance.now() })
      connection.publish(topic, payload, { headers: about, reply: `${inbox}.${token}` })
    },
    takeStored() {
      const taken = stored
      stored = []
      return taken
    },
    giveBack: (rows) => void stored.push(...rows),
    forget: (rows) => rows.forEach(({ id }) => known.delete(id)),
    takeFailure() {
      const why = failure
      failure = null
      return why
    },
    [Symbol.dispose]() {
      clearInterval(sweep)
      endConnected()
      answers?.unsubscribe()
    },
  }
}

/** What a stream answers to a publish (JetStream wire API). */
type Answer = { readonly stream?: string; readonly seq?: number; readonly error?: { readonly err_code: number } }
