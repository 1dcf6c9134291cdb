import type { Telemetry } from '@csr/runtime/telemetry'

/** The facts this service counts, one function each. */
export type Q2qTelemetry = { decided(result: string): void }

export function createQ2qTelemetry(telemetry: Telemetry): Q2qTelemetry {
  const texts = telemetry.counter('q2q_texts_decided_total', 'Texts scored or withheld, by result', ['result'])
  return { decided: (result) => texts.add(1, { result }) }
}
