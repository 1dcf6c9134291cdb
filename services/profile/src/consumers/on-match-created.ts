import { on, type Handler } from '@csr/messaging/consume'
import { applyReports, type Deps } from './apply-reports.ts'

/** Each person of a match gets an activity. What the participant likes and where they live stays sealed with the report. */
export function onMatchCreated(deps: Deps): Handler {
  return on('ingest.match.created', (tenantId, events) =>
    applyReports(deps, tenantId, events, {
      kind: () => 'match.created',
      details: ({ status, language }) => ({ status, language }),
    }),
  )
}
