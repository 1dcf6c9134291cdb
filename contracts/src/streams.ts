import { services, type Service } from './services.ts'

/** One declared stream. `csr streams apply` and the keeper make the server match it; services never do. */
export type StreamDeclaration = {
  readonly name: string
  readonly subjects: readonly string[]
  readonly maxAgeDays: number
  readonly maxBytes: number
  /** the services whose relay may publish into it */
  readonly publishers: readonly Service[]
}

const gigabyte = 1024 ** 3

const ofService = (service: Service): StreamDeclaration => ({
  name: service.toUpperCase(),
  subjects: [`${service}.>`],
  maxAgeDays: 14,
  maxBytes: 4 * gigabyte,
  publishers: [service],
})

/** Topics of the bulk lane stand behind this prefix, so that a million rows never stand before a webhook. */
export const bulkPrefix = 'bulk.'

/** Who has a bulk lane: `ingest`, where imports come in, and all whose events are caused by theirs. */
const bulkServices: readonly Service[] = ['ingest', 'profile', 'safety', 'q2q']

const bulkOf = (service: Service): StreamDeclaration => ({
  ...ofService(service),
  name: bulkStreamOf(service),
  subjects: [`${bulkPrefix}${service}.>`],
  maxBytes: 8 * gigabyte,
})

const bulkStreamOf = (service: string): string => `${service.toUpperCase()}_BULK`

const deadLetterStream = 'DEAD_LETTER'

export const streams: readonly StreamDeclaration[] = [
  ...services.map(ofService),
  ...bulkServices.map(bulkOf),
  { name: deadLetterStream, subjects: ['dead-letter.>'], maxAgeDays: 14, maxBytes: 4 * gigabyte, publishers: services },
]

/**
 * How urgent an event is. Imports and what a tenant sends beyond its live allowance are `bulk`, and so is everything they
 * cause: an event inherits the lane of the one that caused it.
 */
export type Lane = 'live' | 'bulk'

/** The topic an event type is published under; a service without a bulk lane has the live one only. */
export function topicOf(type: string, lane: Lane = 'live'): string {
  return lane === 'bulk' && bulkServices.some((service) => type.startsWith(`${service}.`))
    ? `${bulkPrefix}${type}`
    : type
}

/** The lane a message came on. */
export function laneOf(topic: string): Lane {
  return topic.startsWith(bulkPrefix) ? 'bulk' : 'live'
}

/** The stream that stores a topic. */
export function streamOf(topic: string): string {
  const isBulk = laneOf(topic) === 'bulk'
  const [owner = ''] = topic.slice(isBulk ? bulkPrefix.length : 0).split('.', 1)
  if (isBulk) return bulkStreamOf(owner)
  return owner === 'dead-letter' ? deadLetterStream : owner.toUpperCase()
}

/** Limits shared by all durables: see the settle table of the messaging package. */
export const ackWaitMs = 10_000
export const maxAckPending = 1_000

/** Within this time the server itself drops a second copy of a message with the same `Nats-Msg-Id`. */
export const duplicateWindowMs = 120_000
