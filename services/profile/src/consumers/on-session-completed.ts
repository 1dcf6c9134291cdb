import { on, type Handler } from '@csr/messaging/consume'
import { applyReports, type Deps } from './apply-reports.ts'

/** Each person of a completed session gets an activity; who was never heard of before gets a profile. */
export function onSessionCompleted(deps: Deps): Handler {
  return on('ingest.session.completed', (tenantId, events) =>
    applyReports(deps, tenantId, events, {
      kind: () => 'session.completed',
      details: ({ sessionType, scheduledAt, completedAt, durationMinutes, rating, languageLevel, topics }) => ({
        sessionType,
        scheduledAt,
        completedAt,
        durationMinutes,
        rating,
        languageLevel,
        topics,
      }),
    }),
  )
}
