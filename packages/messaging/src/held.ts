import { createHash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { catalog, versionsOf, type EventName } from '@csr/contracts/events/catalog'
import { anyEnvelope, envelope, uuid, type Event } from '@csr/contracts/events/envelope'
import { upcast } from '@csr/contracts/events/upcasters'
import { bulkPrefix } from '@csr/contracts/streams'
import { platformTenantId } from '@csr/contracts/services'
import { uuidFloor, uuidTimeMs } from '@csr/runtime/ids'
import type { z } from 'zod'

/** Where a message was stored. */
export type Source = { readonly stream: string; readonly epoch: string; readonly sequence: number }

/** A message as it came, from a stream or out of the table `parked`. */
export type Received = Source & {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly storedAtMs: number
  readonly messageId: string | null
  readonly traceparent: string | null
}

/** What reading a message led to. */
export type Verdict =
  | { readonly kind: 'handle'; readonly event: Event }
  | { readonly kind: 'park'; readonly waitsFor: string }
  | { readonly kind: 'dead'; readonly reason: 'undecodable' | 'too-old'; readonly code: string }

/** A message in the hands of a consumer until it is settled. */
export type Held = Received & {
  /** key of the inbox: the event's id, or one derived from its place where it has none */
  readonly eventId: string
  /** false where `eventId` is derived */
  readonly identified: boolean
  readonly tenantId: string
  readonly verdict: Verdict
}

/** The inbox remembers 45 days; what is older than this could be a repeat nobody remembers. */
const ageMaxMs = 44 * 86_400_000

/** What a consumer of `name` can read: the schemas of all known versions, or any envelope. */
export type Reader = (received: Received, nowMs: number) => Held

/**
 * Reads messages for one event (all versions, as the newest known) or for everything. JSON is parsed once, the schema
 * checked once; fields it does not name are let through and left out.
 */
export function createReader(name: EventName | '*'): Reader {
  const schemas = new Map<string, z.ZodType>()
  if (name !== '*') for (const type of versionsOf(name)) schemas.set(type, envelope(type, catalog[type]))

  function judge(raw: unknown, topic: string, nowMs: number): Verdict {
    const known = schemas.get(typeOf(raw))
    const result = (known ?? anyEnvelope).safeParse(raw)
    if (!result.success) return dead(known ? 'data-invalid' : 'envelope-invalid')
    const event = (known ? result.data : raw) as Event
    if (event.type !== withoutLane(topic)) return dead('topic-mismatch')
    if (uuidTimeMs(event.id) < nowMs - ageMaxMs) return { kind: 'dead', reason: 'too-old', code: 'too-old' }
    if (name !== '*' && !known) return { kind: 'park', waitsFor: `version:${event.type}` }
    return { kind: 'handle', event: known ? upcast(event) : event }
  }

  return (received, nowMs) => {
    const raw = parse(received.bytes)
    const verdict = raw === undefined ? dead('json-invalid') : judge(raw, received.topic, nowMs)
    const { id, tenantid } = (typeof raw === 'object' && raw !== null ? raw : {}) as {
      id?: unknown
      tenantid?: unknown
    }
    const own = isUuid(id) ? id : received.messageId
    const identified = isUuid(own)
    return {
      ...received,
      verdict,
      identified,
      eventId: identified ? own.toLowerCase() : derivedId(received),
      tenantId: isUuid(tenantid) ? tenantid.toLowerCase() : platformTenantId,
    }
  }
}

const noText = 'base64:'

/** The payload as text, byte for byte; bytes that are no text become `base64:…`. */
export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) && !buffer.includes(0) ? buffer.toString() : `${noText}${buffer.toString('base64')}`
}

/** The bytes of which `textOf` made this text. */
export function bytesOf(text: string): Uint8Array {
  return text.startsWith(noText) ? Buffer.from(text.slice(noText.length), 'base64') : Buffer.from(text)
}

function dead(code: string): Verdict {
  return { kind: 'dead', reason: 'undecodable', code }
}

function parse(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isUtf8(buffer)) return undefined
  try {
    return JSON.parse(buffer.toString()) as unknown
  } catch {
    return undefined
  }
}

function typeOf(raw: unknown): string {
  const type = typeof raw === 'object' && raw !== null ? (raw as { type?: unknown }).type : undefined
  return typeof type === 'string' ? type : ''
}

function isUuid(value: unknown): value is string {
  return uuid.safeParse(value).success
}

function withoutLane(topic: string): string {
  return topic.startsWith(bulkPrefix) ? topic.slice(bulkPrefix.length) : topic
}

/** Always the same for the same stored message, and in the partition of the day it was stored. */
function derivedId({ stream, epoch, sequence, storedAtMs }: Received): string {
  const mark = createHash('sha256').update(`${stream}/${epoch}/${sequence}`).digest('hex')
  return `${uuidFloor(storedAtMs).slice(0, 15)}${mark.slice(0, 3)}-8${mark.slice(3, 6)}-${mark.slice(6, 18)}`
}
