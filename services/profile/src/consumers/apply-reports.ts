import type { Event } from '@csr/contracts/events/envelope'
import type { SessionCompleted } from '@csr/contracts/events/ingest'
import type { Writes } from '@csr/messaging/consume'
import { recordActivity } from '../domain/record-activity.ts'
import { announce, type Stamp } from '../events.ts'
import type { SealedReport } from '../store/batch.ts'
import type { ProfileStore } from '../store/profile-store.ts'
import type { ProfileTelemetry } from '../telemetry.ts'

export type Deps = {
  readonly profiles: Pick<ProfileStore, 'change'>
  readonly telemetry: ProfileTelemetry
  readonly stamp: Stamp
}

/** What every partner report has in common. */
type Report = Pick<
  SessionCompleted,
  'partner' | 'sourceId' | 'people' | 'programme' | 'occurredAt' | 'reportedAt' | 'precision'
>

type Told<Data extends Report> = {
  readonly kind: (data: Data) => string
  /** what the activity shows beside who, when and where it came from; nothing personal */
  readonly details: (data: Data) => Readonly<Record<string, unknown>>
}

/** Each person of a report gets an activity; who was never heard of before gets a profile. */
export async function applyReports<Data extends Report>(
  { profiles, telemetry, stamp }: Deps,
  tenantId: string,
  events: readonly Event<string, Data>[],
  told: Told<Data>,
): Promise<Writes> {
  const reports = events.flatMap((event) => reportsOf(event, told))
  const { statements, facts, outcomes } = await profiles.change(tenantId, reports, recordActivity)
  const [first] = events
  if (first) telemetry.reportsApplied(told.kind(first.data), outcomes)
  return { statements, events: facts.map((fact) => announce(fact, tenantId, stamp)) }
}

function reportsOf<Data extends Report>(event: Event<string, Data>, told: Told<Data>): SealedReport[] {
  const { partner, sourceId, people, programme, occurredAt, reportedAt, precision } = event.data
  const activity = {
    kind: told.kind(event.data),
    partner,
    sourceId,
    occurredAt: inMilliseconds(occurredAt),
    reportedAt: inMilliseconds(reportedAt),
    reportedBy: event.id,
    details: { ...told.details(event.data), ...(precision === 'day' && { precision }) },
  }
  return people.map(({ subjectId, activityId, role, name, email, phone }) => ({
    event,
    activity: { id: activityId, subjectId, role, ...activity },
    programme: programme?.normalize('NFC').trim() || null,
    personal: { name, email, phone },
  }))
}

const inMilliseconds = (time: string) => Temporal.Instant.from(time).toString({ smallestUnit: 'millisecond' })
