import type { EventOf } from '@csr/contracts/events/catalog'
import { on, type Handler } from '@csr/messaging/consume'
import { recordActivity } from '../domain/record-activity.ts'
import { announce, type Stamp } from '../events.ts'
import type { SealedReport } from '../store/batch.ts'
import type { ProfileStore } from '../store/profile-store.ts'
import type { ProfileTelemetry } from '../telemetry.ts'

type SessionCompleted = EventOf<'ingest.session.completed.v1'>
type Deps = {
  readonly profiles: Pick<ProfileStore, 'change'>
  readonly telemetry: ProfileTelemetry
  readonly stamp: Stamp
}

/** Each person of a completed session gets an activity; who was never heard of before gets a profile. */
export function onSessionCompleted({ profiles, telemetry, stamp }: Deps): Handler {
  return on('ingest.session.completed', async (tenantId, events) => {
    const reports = events.flatMap(reportsOf)
    const { statements, facts, outcomes } = await profiles.change(tenantId, reports, recordActivity)
    telemetry.reportsApplied('session.completed', outcomes)
    return { statements, events: facts.map((fact) => announce(fact, tenantId, stamp)) }
  })
}

function reportsOf(event: SessionCompleted): SealedReport[] {
  const { partner, sourceId, people, programme, ...data } = event.data
  const told = {
    kind: 'session.completed',
    partner,
    sourceId,
    occurredAt: inMilliseconds(data.occurredAt),
    reportedAt: inMilliseconds(data.reportedAt),
    reportedBy: event.id,
    details: {
      sessionType: data.sessionType,
      scheduledAt: data.scheduledAt,
      completedAt: data.completedAt,
      durationMinutes: data.durationMinutes,
      rating: data.rating,
      languageLevel: data.languageLevel,
      topics: data.topics,
      ...(data.precision === 'day' && { precision: data.precision }),
    },
  }
  return people.map(({ subjectId, activityId, role, name, email, phone }) => ({
    event,
    activity: { id: activityId, subjectId, role, ...told },
    programme: programme?.normalize('NFC').trim() || null,
    personal: { name, email, phone },
  }))
}

const inMilliseconds = (time: string) => Temporal.Instant.from(time).toString({ smallestUnit: 'millisecond' })
