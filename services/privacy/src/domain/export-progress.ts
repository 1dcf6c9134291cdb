import { services, type Service } from '@csr/contracts/services'

/** Parts of one service that have arrived, and how many it announced. */
export type Arrived = { readonly service: string; readonly arrived: number; readonly parts: number }

export type ExportFacts = {
  readonly readyAt: string | null
  readonly expiresAt: string | null
  readonly downloadedAt: string | null
}

export type ExportState = 'collecting' | 'ready' | 'downloaded' | 'expired'

/** Services that answer a request for export by an event; privacy adds its own part itself. */
export const contributors: readonly Service[] = services.filter((service) => service !== 'privacy')

/** Which services have sent all their parts. */
export function contributedOf(arrived: readonly Arrived[]): Service[] {
  const whole = new Set(arrived.filter((row) => row.arrived === row.parts).map(({ service }) => service))
  return services.filter((service) => whole.has(service))
}

export function isComplete(arrived: readonly Arrived[]): boolean {
  return contributedOf(arrived).length === services.length
}

export function stateOf({ readyAt, expiresAt, downloadedAt }: ExportFacts, now: string): ExportState {
  if (downloadedAt !== null) return 'downloaded'
  if (readyAt === null || expiresAt === null) return 'collecting'
  return Date.parse(expiresAt) <= Date.parse(now) ? 'expired' : 'ready'
}

const dayMs = 86_400_000

/** How long a finished export can be downloaded. */
export const downloadableMs = dayMs

/** Due within one calendar month: the earlier of 30 days and that month less a day (Art. 12(3)). */
export function dueOf(requestedAt: string): string {
  const requested = Temporal.Instant.from(requestedAt).toZonedDateTimeISO('UTC')
  const inThirtyDays = requested.add({ days: 30 })
  const inAMonth = requested.add({ months: 1 }).subtract({ days: 1 })
  const due = Temporal.ZonedDateTime.compare(inThirtyDays, inAMonth) < 0 ? inThirtyDays : inAMonth
  return due.toInstant().toString({ smallestUnit: 'millisecond' })
}
