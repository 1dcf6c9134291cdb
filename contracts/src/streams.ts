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

const bulkStream = 'INGEST_BULK'
const deadLetterStream = 'DEAD_LETTER'

export const streams: readonly StreamDeclaration[] = [
  ...services.map(ofService),
  {
    name: bulkStream,
    subjects: [`${bulkPrefix}ingest.>`],
    maxAgeDays: 14,
    maxBytes: 8 * gigabyte,
    publishers: ['ingest'],
  },
  { name: deadLetterStream, subjects: ['dead-letter.>'], maxAgeDays: 14, maxBytes: 4 * gigabyte, publishers: services },
]

/** How urgent an event is: `bulk` is what imports cause. */
export type Lane = 'live' | 'bulk'

/** The topic an event type is published under. Only `ingest` has a bulk lane. */
export function topicOf(type: string, lane: Lane = 'live'): string {
  return lane === 'bulk' && type.startsWith('ingest.') ? `${bulkPrefix}${type}` : type
}

/** The stream that stores a topic. */
export function streamOf(topic: string): string {
  if (topic.startsWith(bulkPrefix)) return bulkStream
  const [owner = ''] = topic.split('.', 1)
  return owner === 'dead-letter' ? deadLetterStream : owner.toUpperCase()
}

/** Limits shared by all durables: see the settle table of the messaging package. */
export const ackWaitMs = 10_000
export const maxAckPending = 1_000

/** Within this time the server itself drops a second copy of a message with the same `Nats-Msg-Id`. */
export const duplicateWindowMs = 120_000
