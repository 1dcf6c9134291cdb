import type { Service } from '@csr/contracts/services'
import type { Report } from '../workload/report.ts'
import type { ActivityRow, Effects, EventRow, OutcomeRow } from './effects.ts'
import type { Promised } from './promises.ts'
import type { UnderWay } from './under-way.ts'

/** Everything a judgement is made from. */
export type Evidence = {
  readonly promised: readonly Promised[]
  /** of the rig's companies, in their order */
  readonly tenantIds: readonly string[]
  readonly effects: Effects
  readonly underWay: readonly UnderWay[]
  /** events that the rig itself put among those of ingest: nobody promised anything about them */
  readonly planted: ReadonlySet<string>
}

/** Something that is not as promised, about one report (or, without a key, about something nobody sent). */
export type Finding = {
  readonly verdict: 'lost' | 'duplicated' | 'stuck' | 'dead-lettered'
  readonly report: string | null
  /** where it ends and what is there instead */
  readonly detail: string
}

/** The evidence, arranged for questions about one report. */
export type Found = {
  keyOf(report: Report): string
  thingOf(report: Report): string
  keyOfRow(row: ActivityRow): string
  /** the events that ingest announced, by report */
  readonly eventsOf: ReadonlyMap<string, readonly EventRow[]>
  /** standing and earlier ones, by the event that brought them */
  readonly activitiesBy: ReadonlyMap<string, readonly ActivityRow[]>
  /** standing ones, by thing */
  readonly standingOf: ReadonlyMap<string, readonly ActivityRow[]>
  /** by activity and time, how many */
  readonly screeningsOf: ReadonlyMap<string, number>
  readonly outcomesOf: ReadonlyMap<string, readonly OutcomeRow[]>
  readonly recordsOf: ReadonlyMap<string, number>
  causedBy(id: string, type: string): readonly EventRow[]
  /** what to say of an effect that is missing at a consumer: where its event waits, or that it is lost */
  whereabouts(consumer: Service, event: EventRow | null): { verdict: Finding['verdict']; where: string }
}

/** A time as PostgreSQL, a partner or a service writes it, in Unix milliseconds. */
export function timeOf(text: string | null): number {
  return text === null ? 0 : Date.parse(text.replace(' ', 'T').replace(/\+00$/, 'Z'))
}

export function indexed({ tenantIds, effects, underWay, planted }: Evidence): Found {
  const tenantOf = ({ company }: Report): string => tenantIds[company] ?? ''
  const keyOfRow = ({ tenantId, partner, kind, thing, reportedAt }: ActivityRow): string =>
    [tenantId, partner, kind, thing, timeOf(reportedAt)].join('|')
  const fromReports = effects.events.filter(
    ({ service, thing, id }) => service === 'ingest' && thing !== null && !planted.has(id),
  )
  const events = grouped(fromReports, ({ tenantId, partner, kind, thing, reportedAt }) =>
    [tenantId, partner, kind, thing, timeOf(reportedAt)].join('|'),
  )
  const caused = grouped(effects.events, ({ causedBy, type }) => `${causedBy}|${type}`)
  return {
    keyOf: (report) =>
      [tenantOf(report), report.partner, report.kind, report.thing, timeOf(report.reportedAt)].join('|'),
    thingOf: (report) => [tenantOf(report), report.partner, report.kind, report.thing].join('|'),
    keyOfRow,
    eventsOf: events,
    activitiesBy: grouped(effects.activities, ({ reportedBy }) => reportedBy),
    standingOf: grouped(
      effects.activities.filter(({ standing }) => standing),
      ({ tenantId, partner, kind, thing }) => [tenantId, partner, kind, thing].join('|'),
    ),
    screeningsOf: counted(effects.screenings.map((row) => `${row.activityId}|${timeOf(row.reportedAt)}`)),
    outcomesOf: grouped(effects.outcomes, ({ activityId }) => activityId),
    recordsOf: counted(effects.records),
    causedBy: (id, type) => caused.get(`${id}|${type}`) ?? [],
    whereabouts: (consumer, event) => whereabouts(effects, underWay, { consumer, event }),
  }
}

type Missing = { readonly consumer: Service; readonly event: EventRow | null }

function whereabouts(
  { parked, deadLetters }: Effects,
  underWay: readonly UnderWay[],
  { consumer, event }: Missing,
): { verdict: Finding['verdict']; where: string } {
  if (event === null) return { verdict: 'lost', where: '' }
  if (event.unsent) return { verdict: 'stuck', where: `; its event ${event.id} is unsent in ${event.service}.outbox` }
  const waits = parked.find((row) => row.service === consumer && row.eventId === event.id)
  if (waits) return { verdict: 'stuck', where: `; its event ${event.id} is parked by ${waits.consumer}` }
  const letter = deadLetters.find((row) => row.service === consumer && row.eventId === event.id)
  if (letter) return { verdict: 'dead-lettered', where: `; its event ${event.id} is a dead letter: ${letter.reason}` }
  const behind = underWay.find(({ place }) => place.startsWith(`durable ${consumer}-`))
  if (behind) return { verdict: 'stuck', where: `; ${behind.count} events wait in ${behind.place}` }
  return { verdict: 'lost', where: `; its event is ${event.id}` }
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

function counted(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
