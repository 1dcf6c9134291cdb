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

export const streams: readonly StreamDeclaration[] = [
  ...services.map(ofService),
  {
    name: 'INGEST_BULK',
    subjects: [`${bulkPrefix}ingest.>`],
    maxAgeDays: 14,
    maxBytes: 8 * gigabyte,
    publishers: ['ingest'],
  },
  { name: 'DEAD_LETTER', subjects: ['dead-letter.>'], maxAgeDays: 14, maxBytes: 4 * gigabyte, publishers: services },
]

/** Limits shared by all durables: see the settle table of the messaging package. */
export const ackWaitMs = 10_000
export const maxAckPending = 1_000
