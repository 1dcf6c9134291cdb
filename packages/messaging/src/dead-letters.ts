import { createHash } from 'node:crypto'
import { createEvent } from '@csr/contracts/events/create-event'
import type { DeadLetter, PayloadForm } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { textOf, type Held } from './held.ts'
import type { Vault } from './vault.ts'

/** Why a message was given up. */
export type Death = {
  readonly reason: DeadLetter['reason']
  readonly code: string
  readonly attempts: number
  /** when it was first tried; now, if it never was */
  readonly firstAt: string | null
}

/** What is larger than this inside a JSON text cannot be one of our events, and is cut so that the servers take it. */
const payloadBytesMax = 400_000
const cutCharacters = 60_000

type Ports = {
  readonly service: Service
  readonly clock: Clock
  readonly ids: Ids
  readonly vault?: Vault | undefined
}

/**
 * The event that announces a dead letter, to be written to the outbox of the service that gave up, in the transaction that
 * claims the inbox row as dead; caused by the message under its key in the inbox. The payload is as received, so what was
 * sealed stays sealed; what nobody could read is sealed here.
 */
export async function deadLetterEvent(ports: Ports, held: Held, consumer: string, death: Death): Promise<Event> {
  const { service, clock, ids } = ports
  const at = clock.now()
  const { reason, code, attempts } = death
  const subject = held.identified ? held.eventId : `${held.stream}/${held.sequence}`
  const about = { id: ids.uuid(), time: at, tenantId: held.tenantId, subject, causationId: held.eventId }
  return createEvent(`dead-letter.${service}.v1`, about, {
    consumer,
    topic: held.topic.slice(0, 200),
    stream: held.stream,
    epoch: held.epoch,
    sequence: held.sequence,
    eventId: held.identified ? held.eventId : null,
    reason,
    code: code.slice(0, 100),
    attempts,
    firstAt: death.firstAt ?? at,
    lastAt: at,
    traceparent: held.traceparent,
    fingerprint: fingerprint(consumer, held.topic, death),
    bytes: held.bytes.length,
    ...(await keep(ports, held, about.id, reason)),
  })
}

/** A dead letter of this service's own is never wrapped in another one: it would grow with each turn. */
export function isOwnDeadLetter(service: Service, topic: string): boolean {
  return topic.startsWith(`dead-letter.${service}.`)
}

/** Groups what failed alike. Nothing personal goes in. */
export function fingerprint(consumer: string, topic: string, { reason, code }: Pick<Death, 'reason' | 'code'>): string {
  const parts = [consumer, topic, reason, code]
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22)
}

async function keep(
  { vault }: Ports,
  held: Held,
  recordId: string,
  reason: Death['reason'],
): Promise<{ form: PayloadForm; payload: string }> {
  const payload = fitting(textOf(held.bytes))
  if (reason !== 'undecodable') return { form: 'received', payload }
  const sealed = (await vault?.seal(recordId, payload)) ?? null
  return sealed === null ? { form: 'left', payload: '' } : { form: 'sealed', payload: sealed }
}

function fitting(payload: string): string {
  return Buffer.byteLength(JSON.stringify(payload)) <= payloadBytesMax ? payload : payload.slice(0, cutCharacters)
}
