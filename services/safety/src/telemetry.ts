import type { Telemetry } from '@csr/runtime/telemetry'

/** The facts this service counts, one function each. */
export type SafetyTelemetry = { screened(verdict: string): void }

export function createSafetyTelemetry(telemetry: Telemetry): SafetyTelemetry {
  const texts = telemetry.counter('safety_texts_screened_total', 'Texts screened, by verdict', ['verdict'])
  return { screened: (verdict) => texts.add(1, { verdict }) }
}
