import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import type { Exclusion } from './firewall/exclusions.ts'
import type { Witness } from './firewall/firewall.ts'

/** The facts the gateway tells beside its requests, one function each. */
export interface GatewayTelemetry {
  refused(code: string): void
  refusalsWait(error: unknown, count: number): void
  /** a request over its limit */
  limited(tier: string): void
  /** the store of shared counts does not answer: told once a minute */
  limitsAlone(error: unknown): void
  /** a rule of the firewall was met; `noted` alone decides nothing and is only counted */
  ruleMet: Witness
  /** an exclusion of the firewall has ended and should leave its file */
  exclusionEnded(entry: Exclusion): void
}

const tellEveryMs = 60_000

export function createGatewayTelemetry(telemetry: Telemetry, logger: Logger): GatewayTelemetry {
  const refusals = telemetry.counter('gateway_refusals_total', 'Requests refused with 401 or 403', ['code'])
  const limited = telemetry.counter('gateway_limited_total', 'Requests over their limit', ['tier'])
  const alone = telemetry.counter('gateway_limits_alone_total', 'Requests counted without the shared store')
  let toldMs = Number.NEGATIVE_INFINITY
  const met = telemetry.counter('gateway_firewall_rules_met_total', 'Rules of the firewall that were met', [
    ...['family', 'rule', 'route', 'outcome'],
  ])
  return {
    refused: (code) => refusals.add(1, { code }),
    refusalsWait: (error, count) => logger.error('refusals-wait', error, { count }),
    exclusionEnded: ({ route, field, rule }) => logger.warn('firewall-exclusion-ended', { route, field, name: rule }),
    limited: (tier) => limited.add(1, { tier }),
    limitsAlone(error) {
      alone.add()
      if (performance.now() - toldMs < tellEveryMs) return
      toldMs = performance.now()
      logger.error('limits-alone', error)
    },
    ruleMet({ route, field, rule, outcome }) {
      met.add(1, { family: rule.family, rule: rule.id, route, outcome })
      if (outcome !== 'noted') logger.info('firewall', { route, field, name: rule.id, outcome })
    },
  }
}
