import type { ReplayOutcome } from '@csr/contracts/events/audit'
import type { Telemetry } from '@csr/runtime/telemetry'

/** The facts this service counts, one function each. */
export type AuditTelemetry = {
  appended(count: number): void
  kept(count: number): void
  replayed(outcome: ReplayOutcome): void
  expired(count: number): void
}

export function createAuditTelemetry(telemetry: Telemetry): AuditTelemetry {
  const records = telemetry.counter('audit_records_appended_total', 'Records given to the log')
  const letters = telemetry.counter('audit_dead_letters_kept_total', 'Dead letters taken in')
  const replays = telemetry.counter('audit_replays_settled_total', 'Replays that were answered', ['outcome'])
  const expired = telemetry.counter('audit_dead_letters_expired_total', 'Dead letters removed after 30 days')
  return {
    appended: (count) => records.add(count),
    kept: (count) => letters.add(count),
    replayed: (outcome) => replays.add(1, { outcome }),
    expired: (count) => expired.add(count),
  }
}
