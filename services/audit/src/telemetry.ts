import type { Telemetry } from '@csr/runtime/telemetry'

/** The facts this service counts, one function each. */
export type AuditTelemetry = { appended(count: number): void }

export function createAuditTelemetry(telemetry: Telemetry): AuditTelemetry {
  const records = telemetry.counter('audit_records_appended_total', 'Records given to the log')
  return { appended: (count) => records.add(count) }
}
