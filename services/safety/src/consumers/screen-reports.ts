import type { Event } from '@csr/contracts/events/envelope'
import type { SessionCompleted } from '@csr/contracts/events/ingest'
import type { Writes } from '@csr/messaging/consume'
import type { ScreeningStore } from '../store/screening-store.ts'
import type { SafetyTelemetry } from '../telemetry.ts'

export type Deps = { readonly screenings: Pick<ScreeningStore, 'screen'>; readonly telemetry: SafetyTelemetry }

/** What every report that may carry a text has in common. */
type ReportWithText = Event<string, Pick<SessionCompleted, 'text' | 'occurredAt' | 'reportedAt'>>

/** Screens the texts of a batch of reports; a report without text needs nothing. */
export async function screenReports(deps: Deps, tenantId: string, events: readonly ReportWithText[]): Promise<Writes> {
  const texts = events.flatMap((event) => {
    const { text, occurredAt, reportedAt } = event.data
    return text ? [{ event, occurredAt, reportedAt, ...text }] : []
  })
  if (texts.length === 0) return { statements: [], events: [] }
  const { statements, events: announced, verdicts } = await deps.screenings.screen(tenantId, texts)
  for (const verdict of verdicts) deps.telemetry.screened(verdict)
  return { statements, events: announced }
}
