import { on, type Handler } from '@csr/messaging/consume'
import { applyReports, type Deps } from './apply-reports.ts'

/** A rating or feedback is an activity of its author; the session or match it is about may come later or never. */
export function onFeedbackSubmitted(deps: Deps): Handler {
  return on('ingest.feedback.submitted', (tenantId, events) =>
    applyReports(deps, tenantId, events, {
      kind: ({ kind }) => kind,
      details: ({ fromRole, about, rating }) => ({ fromRole, about, rating }),
    }),
  )
}
