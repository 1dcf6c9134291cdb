import { nanos, type Msg } from '@nats-io/transport-node'
import { bytesOf, type Held, type Reader, type Received } from './held.ts'
import type { ParkedRow } from './parked.ts'

/** What was not settled is to be tried again later, for this reason. */
export type Later = { readonly why: unknown }

/** A message and the ways to settle it. Exactly one of them ends it; all but `working` are idempotent. */
export type Job = Held & {
  /** where it came from: a stream, delivered for the first time or again, or the table `parked` */
  readonly origin: 'first' | 'again' | 'parked'
  /** a row in `started` exists or may exist */
  tracked: boolean
  /** its begin is recorded and has not ended */
  begun: boolean
  settled: boolean
  /** it was running when a process ended: its neighbours go first */
  blamed: boolean
  /** it has let its neighbours go first */
  paused: boolean
  /** set while it goes on by itself because it takes long; resolves when it ended */
  apart: Promise<Later | null> | undefined
  /** monotonic time of the last sign to the server */
  touchedMs: number
  acknowledge(): void
  /** it failed and comes again after `delayMs` */
  retry(delayMs: number): void
  /** it is still being worked on: the server must not deliver it again yet */
  working(): void
  /** the server delivered it again while we hold it: from now on answers go there */
  redirect(message: Msg): void
}

/** What the reply subject of a delivered message says. */
export type Delivery = { readonly deliveries: number; readonly sequence: number; readonly storedAtMs: number }

const messageIdHeader = 'Nats-Msg-Id'
const oldFormTokens = 9

/** `$JS.ACK.<stream>.<durable>.<deliveries>.<sequence>.<delivery>.<nanoseconds>.<pending>`; newer servers put two more first. */
export function readDelivery(message: Msg): Delivery {
  const tokens = (message.reply ?? '').split('.')
  const at = tokens.length === oldFormTokens ? 4 : 6
  return {
    deliveries: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    storedAtMs: Math.floor(Number(tokens[at + 3]) / 1_000_000),
  }
}

/** What a delivered message holds. */
export function receivedOf(message: Msg, delivery: Delivery, from: { stream: string; epoch: string }): Received {
  return {
    ...from,
    sequence: delivery.sequence,
    storedAtMs: delivery.storedAtMs,
    topic: message.subject,
    bytes: message.data,
    messageId: message.headers?.get(messageIdHeader) || null,
    traceparent: message.headers?.get('traceparent') || null,
  }
}

/** A job for a message from a stream. */
export function jobOf(message: Msg, delivery: Delivery, held: Held): Job {
  let current = message
  const job: Job = {
    ...held,
    origin: delivery.deliveries > 1 ? 'again' : 'first',
    tracked: delivery.deliveries > 1,
    begun: false,
    settled: false,
    blamed: false,
    paused: false,
    apart: undefined,
    touchedMs: performance.now(),
    acknowledge: () => end('+ACK'),
    retry: (delayMs) => end(`-NAK ${JSON.stringify({ delay: nanos(Math.round(delayMs)) })}`),
    working: () => tell('+WPI'),
    redirect: (again) => void (current = again),
  }

  function end(answer: string): void {
    if (job.settled) return
    job.settled = true
    tell(answer)
  }

  /** An answer that is lost means one more delivery, which the inbox recognises. */
  function tell(answer: string): void {
    job.touchedMs = performance.now()
    try {
      current.respond(answer)
    } catch {
      // The connection is closing.
    }
  }

  return job
}

/** A job for a message out of `parked`: settling it is deleting its row; failing leaves it there. */
export function jobOfParked(row: ParkedRow, read: Reader, nowMs: number): Job {
  const received: Received = {
    stream: row.stream,
    epoch: row.epoch,
    sequence: row.sequence,
    topic: row.topic,
    bytes: bytesOf(row.payload),
    storedAtMs: Date.parse(row.parked_at),
    messageId: row.event_id,
    traceparent: null,
  }
  const job: Job = {
    ...read(received, nowMs),
    eventId: row.event_id,
    tenantId: row.tenant_id,
    origin: 'parked',
    tracked: true,
    begun: false,
    settled: false,
    blamed: false,
    paused: false,
    apart: undefined,
    touchedMs: 0,
    acknowledge: () => void (job.settled = true),
    retry: () => void (job.settled = true),
    working: () => undefined,
    redirect: () => undefined,
  }
  return job
}
