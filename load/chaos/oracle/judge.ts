import type { Service } from '@csr/contracts/services'
import type { Report } from '../workload/report.ts'
import type { ActivityRow, EventRow } from './effects.ts'
import { indexed, timeOf, type Evidence, type Finding, type Found } from './evidence.ts'

export type Judged = {
  /** reports that took their whole effect, each part once */
  readonly effective: number
  readonly findings: readonly Finding[]
  /** what stands of each thing: the latest version of those that took effect */
  readonly standing: readonly Report[]
}

/** Compares what was promised with what is there. Pure: the same evidence, the same judgement. */
export function judge(evidence: Evidence): Judged {
  const found = indexed(evidence)
  const findings: Finding[] = []
  const standing = new Map<string, Report>()
  let effective = 0
  for (const { report, fate } of evidence.promised) {
    const about = new ReportCase(report, found)
    const { events } = about
    if (events.length === 0 && fate === 'unknown') continue
    if (events.length === 0) about.missing('ingest', null, 'it was accepted, and there is no event')
    if (events.length > 1) about.duplicated(`${events.length} events`)
    for (const event of events) about.follow(event)
    if (events.length > 0) keepLatest(standing, report)
    findings.push(...about.findings)
    if (about.findings.length === 0) effective += 1
  }
  for (const report of standing.values()) findings.push(...judgeThing(report, found))
  findings.push(...unasked(evidence, found))
  return { effective, findings, standing: [...standing.values()] }
}

/** One report and what is there of it. */
class ReportCase {
  readonly findings: Finding[] = []
  readonly events: readonly EventRow[]
  readonly #report: Report
  readonly #key: string
  readonly #found: Found

  constructor(report: Report, found: Found) {
    this.#report = report
    this.#found = found
    this.#key = found.keyOf(report)
    this.events = found.eventsOf.get(this.#key) ?? []
  }

  /** Everything that has to follow from the event of a report, each once. */
  follow(event: EventRow): void {
    const { people, text } = this.#report
    this.#recorded(event)
    const parts = this.#found.activitiesBy.get(event.id) ?? []
    for (const { role } of people) {
      const mine = parts.filter((part) => part.role === role)
      this.#once('profile', event, mine.length, `activity of the ${role}`)
      for (const activity of mine) this.#announced(event, activity)
    }
    if (text !== null) this.#followText(event)
  }

  missing(consumer: Service, event: EventRow | null, what: string): void {
    const { verdict, where } = this.#found.whereabouts(consumer, event)
    this.#add(verdict, `${what}${where}`)
  }

  duplicated(what: string): void {
    this.#add('duplicated', what)
  }

  #followText(event: EventRow): void {
    const { causedBy, outcomesOf, screeningsOf } = this.#found
    const screened = causedBy(event.id, 'safety.text.screened.v1')
    this.#once('safety', event, screened.length, 'screened text')
    for (const one of screened) {
      this.#recorded(one)
      const screenings = screeningsOf.get(`${one.activityId}|${timeOf(one.reportedAt)}`) ?? 0
      this.#once('safety', event, screenings, 'screening')
      const outcomes = outcomesOf.get(one.activityId ?? '') ?? []
      this.#once('q2q', one, outcomes.length, 'outcome')
      const told = [...causedBy(one.id, 'q2q.outcome.scored.v1'), ...causedBy(one.id, 'q2q.outcome.withheld.v1')]
      for (const each of told) this.#recorded(each)
      const [outcome] = outcomes
      const stands = outcome?.screenedBy === one.id
      if (told.length > 1) this.duplicated(`${told.length} announcements of one outcome`)
      if (stands && told.length === 0) this.missing('q2q', one, 'no announcement of the outcome that stands')
      if (stands && outcome.shownId !== outcome.id)
        this.missing('profile', told[0] ?? null, 'the outcome that stands is not shown with its activity')
    }
  }

  /** What stands was announced once; what came too late to stand may have been announced before, or never. */
  #announced(event: EventRow, activity: ActivityRow): void {
    const told = this.#found
      .causedBy(event.id, 'profile.activity.recorded.v1')
      .filter(({ activityId }) => activityId === activity.id)
    for (const each of told) this.#recorded(each)
    if (told.length > 1) this.duplicated(`${told.length} announcements of the activity of the ${activity.role}`)
    if (activity.standing && told.length === 0)
      this.#add('lost', `the activity of the ${activity.role} stands, and nobody was told`)
  }

  #recorded(event: EventRow): void {
    this.#once('audit', event, this.#found.recordsOf.get(event.id) ?? 0, `audit record of ${event.type}`)
  }

  #once(consumer: Service, event: EventRow, count: number, what: string): void {
    if (count === 0) this.missing(consumer, event, `no ${what}`)
    if (count > 1) this.duplicated(`${what}: ${count} times`)
  }

  #add(verdict: Finding['verdict'], detail: string): void {
    this.findings.push({ verdict, report: this.#key, detail })
  }
}

/** Of each thing each person has one activity, and it is what the latest version says. */
function judgeThing(report: Report, found: Found): Finding[] {
  const key = found.keyOf(report)
  return report.people.flatMap(({ role }): Finding[] => {
    const shown = (found.standingOf.get(found.thingOf(report)) ?? []).filter((one) => one.role === role)
    if (shown.length > 1)
      return [{ verdict: 'duplicated', report: key, detail: `${shown.length} activities of the ${role}` }]
    const [one] = shown
    if (!one || timeOf(one.reportedAt) === timeOf(report.reportedAt)) return []
    const detail = `the ${role} has the version of ${one.reportedAt}, which is not the latest`
    return [{ verdict: 'lost', report: key, detail }]
  })
}

/** Activities and events of reports that nobody sent. */
function unasked({ promised, effects }: Evidence, found: Found): Finding[] {
  const keys = new Set(promised.map(({ report }) => found.keyOf(report)))
  const strange = effects.activities.filter((one) => !keys.has(found.keyOfRow(one)))
  const events = [...found.eventsOf].filter(([key]) => !keys.has(key))
  return [
    ...strange.map(({ id }) => ({ id: `activity ${id}` })),
    ...events.flatMap(([, rows]) => rows.map(({ id }) => ({ id: `event ${id}` }))),
  ].map(({ id }) => ({ verdict: 'duplicated', report: null, detail: `nobody sent what ${id} tells` }))
}

function keepLatest(standing: Map<string, Report>, report: Report): void {
  const { company, partner, kind, thing } = report
  const key = [company, partner, kind, thing].join('|')
  const other = standing.get(key)
  if (!other || timeOf(report.reportedAt) > timeOf(other.reportedAt)) standing.set(key, report)
}
