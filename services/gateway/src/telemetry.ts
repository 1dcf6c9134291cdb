import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'

/** The facts the gateway tells beside its requests, one function each. */
export interface GatewayTelemetry {
  refused(code: string): void
  refusalsWait(error: unknown, count: number): void
}

export function createGatewayTelemetry(telemetry: Telemetry, logger: Logger): GatewayTelemetry {
  const refusals = telemetry.counter('gateway_refusals_total', 'Requests refused with 401 or 403', ['code'])
  return {
    refused: (code) => refusals.add(1, { code }),
    refusalsWait: (error, count) => logger.error('refusals-wait', error, { count }),
  }
}
