import { on, type Handler } from '@csr/messaging/consume'
import { applyReports, type Deps } from './apply-reports.ts'

/** A finished course is an activity of its learner. */
export function onCourseCompleted(deps: Deps): Handler {
  return on('ingest.course.completed', (tenantId, events) =>
    applyReports(deps, tenantId, events, {
      kind: () => 'course.completed',
      details: ({ provider, course, startedAt, completedAt, percentComplete, score, certificateIssuedAt }) => ({
        provider,
        course,
        startedAt,
        completedAt,
        percentComplete,
        score,
        certificateIssuedAt,
      }),
    }),
  )
}
