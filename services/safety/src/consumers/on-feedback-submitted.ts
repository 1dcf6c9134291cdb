import { on, unhurried, type Handler } from '@csr/messaging/consume'
import { screenReports, type Deps } from './screen-reports.ts'

/** Feedback and ratings that carry words are screened before anything else reads them. */
export function onFeedbackSubmitted(deps: Deps): Handler {
  return unhurried(on('ingest.feedback.submitted', (tenantId, events) => screenReports(deps, tenantId, events)))
}
