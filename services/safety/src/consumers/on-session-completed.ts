import { on, unhurried, type Handler } from '@csr/messaging/consume'
import { screenReports, type Deps } from './screen-reports.ts'

/** The text inside a completed session is the participant's; it is screened before anything else reads it. */
export function onSessionCompleted(deps: Deps): Handler {
  return unhurried(on('ingest.session.completed', (tenantId, events) => screenReports(deps, tenantId, events)))
}
