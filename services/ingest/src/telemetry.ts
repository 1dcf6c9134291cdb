import type { DeliveryRefused, Partner } from '@csr/contracts/events/ingest'
import type { WebhookAnswer } from '@csr/contracts/http/ingest'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'

/** What this service counts and says; one function per fact. */
export interface IngestTelemetry {
  received(partner: Partner, outcome: WebhookAnswer['outcome']): void
  refused(partner: Partner, reason: DeliveryRefused['reason'] | 'intake-suspended'): void
  quarantined(facts: { deliveryId: string; tenantId: string; partner: Partner; count: number }): void
}

export function createIngestTelemetry({
  telemetry,
  logger,
}: {
  telemetry: Telemetry
  logger: Logger
}): IngestTelemetry {
  const deliveries = telemetry.counter('ingest_deliveries_total', 'Webhooks that were signed rightly', [
    'partner',
    'outcome',
  ])
  const refusals = telemetry.counter('ingest_refusals_total', 'Webhooks that were refused', ['partner', 'reason'])
  return {
    received: (partner, outcome) => deliveries.add(1, { partner, outcome }),
    refused: (partner, reason) => refusals.add(1, { partner, reason }),
    quarantined: (facts) => logger.warn('delivery-quarantined', facts),
  }
}
